"""What a test does with a preview in a browser, and what it sees there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_SECONDS = 20


class Page:
    """A browser's window."""

    def __init__(self, driver: WebDriver) -> None:
        self._driver = driver

    def open(
        self, folder: Path, address: str = "", *, width: int = 1440, height: int = 900, dark: bool = False
    ) -> None:
        """Open a preview from the disk."""
        self.visit((folder / "index.html").absolute().as_uri() + address, width=width, height=height, dark=dark)

    def visit(
        self, address: str, *, width: int = 1440, height: int = 900, dark: bool = False, still: bool = False
    ) -> None:
        """Open an address; `still` for a reader who wants nothing to move."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        motion = {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme, motion]})
        self._driver.get("about:blank")
        self._driver.get_log("browser")
        self._driver.get_log("performance")
        self._driver.get(address)

    def emulate_print(self) -> None:
        """Show the page as it is printed, until another is opened."""
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript with `arguments`, and give what it returns."""
        return self._driver.execute_script(script, *arguments)

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true."""
        WebDriverWait(self._driver, PATIENCE_SECONDS, poll_frequency=0.02).until(
            lambda _: self.run(f"return Boolean({script})"), message=script
        )

    def press(self, *keys: str) -> None:
        """Press keys, one after another, wherever the keyboard is."""
        for key in keys:
            ActionChains(self._driver).send_keys(key).perform()

    def click(self, selector: str) -> None:
        """Click on the middle of the first element."""
        element = self._driver.find_element("css selector", selector)
        ActionChains(self._driver).move_to_element(element).click().perform()

    def text(self, selector: str) -> str:
        """What the first element says, as it is seen."""
        return str(self._driver.find_element("css selector", selector).text)

    def texts(self, selector: str) -> list[str]:
        """What each element says."""
        return [found.text for found in self._driver.find_elements("css selector", selector)]

    def set_threshold(self, step: int) -> None:
        """Move the slider, in hundredths."""
        self.run(
            "const s = document.getElementById('threshold'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('input', {bubbles: true}))",
            step,
        )

    def choose(self, field: str, value: str) -> None:
        """Choose or type a value of a filter."""
        self.run(
            "const f = document.getElementById(arguments[0]); f.value = arguments[1];"
            "f.dispatchEvent(new Event('input', {bubbles: true}))",
            *(field, value),
        )

    def complaints(self) -> list[str]:
        """What the console has of errors and warnings since the page was opened."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def requested(self) -> set[str]:
        """Schemes of everything that was asked for since the page was opened."""
        return {urlsplit(address).scheme for address in self.addresses()}

    def addresses(self) -> set[str]:
        """Everything that was asked for since the page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        return {
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        }

    def screenshot(self, target: Path) -> None:
        """Write what is seen as PNG."""
        self._driver.save_screenshot(str(target))

    def picture(self, selector: str, target: Path) -> None:
        """Write the first element as PNG."""
        self._driver.find_element("css selector", selector).screenshot(str(target))

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition of the test's own holds."""
        WebDriverWait(self._driver, PATIENCE_SECONDS, poll_frequency=0.02).until(lambda _: condition())


@contextmanager
def open_browser() -> Iterator[Page]:
    """Have Debian's Chromium, without a window on the screen."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"):
        options.add_argument(argument)
    if os.geteuid() == 0:  # Chromium's sandbox refuses root; the pages are ours
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield Page(driver)
    finally:
        driver.quit()
