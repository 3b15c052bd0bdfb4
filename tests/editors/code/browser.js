// One headless Chromium, and a page in a context of its own for each window that a test opens.
"use strict";
const { chromium } = require(process.argv[2]);
const { serve } = require("./driver/calls");

const pages = new Map();

/** What VS Code tells its user: the notifications, as they appear, and dialogs. And who has the focus, see below. */
function listen() {
  let focused = true;
  document.hasFocus = () => focused;
  window.turn = (to) => {
    if (!to) {
      window.dispatchEvent(new Event("focus")); // VS Code hears of a loss only after a gain
    }
    focused = to;
    window.dispatchEvent(new Event(to ? "focus" : "blur"));
  };
  const told = (window.told = []);
  const look = () => {
    for (const one of document.querySelectorAll(".notification-list-item-message, .dialog-message-container")) {
      if (one.textContent && !told.includes(one.textContent)) {
        told.push(one.textContent);
      }
    }
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}

async function open(name, url) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 700 } });
  const page = await context.newPage();
  pages.set(name, page);
  await page.addInitScript(listen);
  await page.goto(url);
}

async function close(name) {
  await pages.get(name)?.context().close();
  pages.delete(name);
}

/** For a browser without a screen every page has the focus. */
async function focus(name, to) {
  await pages.get(name).evaluate((focused) => window.turn(focused), to);
}

let browser;
(async () => {
  browser = await chromium.launch({
    executablePath: process.argv[3],
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    env: { ...process.env },
  });
  serve(process.argv[4], { open, close, focus, names: () => [...pages.keys()], page: (name) => pages.get(name) });
})();
