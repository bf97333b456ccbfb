/* The button of light and dark; on a telephone, the contents are closed at first. */
addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => { setTheme(isDark() ? "light" : "dark"); label(); });
  systemIsDark.addEventListener("change", label);
  label();
  if (matchMedia("(max-width: 56rem)").matches) document.getElementById("contents").open = false;
});
