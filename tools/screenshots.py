"""Takes pictures of a running demo: `python -m tools.screenshots --port 8050 --login mira --path /jobs --out jobs.png [--dark] [--phone]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options

from benchmarks.browser import Visitor


def browser(width: int, height: int) -> webdriver.Chrome:
    """A headless Chromium of this size that talks to nobody else."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--hide-scrollbars",
    ):
        options.add_argument(flag)
    # Chromium's window is never narrower than 500 px: a phone is asked for by device metrics
    options.add_argument(f"--window-size={max(width, 500)},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options)


def take(
    driver: webdriver.Chrome, address: str, out: Path, *, width: int, dark: bool, whole: bool, wait: float
) -> list[str]:
    """Open an address, scroll through it so that every section loads, save the picture; returns what the console said."""
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]},
    )
    driver.get(address)
    time.sleep(wait)
    if whole:
        for _turn in range(2):
            height = driver.execute_script("return document.documentElement.scrollHeight")
            for top in range(0, height, 500):
                driver.execute_script(f"window.scrollTo(0, {top})")
                time.sleep(0.25)
        time.sleep(wait)
        height = driver.execute_script("window.scrollTo(0, 0); return document.documentElement.scrollHeight")
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "height": min(int(height), 12000)})
        time.sleep(1)
    out.parent.mkdir(parents=True, exist_ok=True)
    driver.save_screenshot(str(out))
    return [entry["message"] for entry in driver.get_log("browser")]


def main() -> int:
    """Take one picture; exit status 1 if the console said anything."""
    parser = argparse.ArgumentParser(prog="screenshots")
    parser.add_argument("--port", type=int, default=8050)
    parser.add_argument("--login", default="")
    parser.add_argument("--path", action="append", required=True)
    parser.add_argument("--out", type=Path, action="append", required=True)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--whole", action="store_true", help="the whole page, not the first screen")
    parser.add_argument("--wait", type=float, default=3.0)
    options = parser.parse_args()
    url = f"http://127.0.0.1:{options.port}"
    width = 390 if options.phone else 1440
    driver = browser(width, 1000)
    said: list[str] = []
    try:
        driver.get(f"{url}/healthz")
        if options.login:
            for name, value in Visitor(url, options.login).http.cookies.items():
                driver.add_cookie({"name": name, "value": value, "path": "/"})
        for path, out in zip(options.path, options.out, strict=True):
            said += take(
                driver, url + path, out, width=width, dark=options.dark, whole=options.whole, wait=options.wait
            )
    finally:
        driver.quit()
    print("\n".join(said))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
