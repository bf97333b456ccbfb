/* Light or dark, before anything is painted: the system's, until the user chooses. */
"use strict";

const THEME_KEY = "treeline-theme";
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function remembered() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null; // some browsers give a page from a disk no storage
  }
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : systemIsDark.matches;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // then it lasts as long as the page
  }
}

if (["light", "dark"].includes(remembered())) document.documentElement.dataset.theme = remembered();
