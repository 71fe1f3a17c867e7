// Before anything is painted: light or dark, as chosen here or as the system says; and a page that came without some of its files.
(() => {
  const KEY = "edge-dashboard-theme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let choice = "auto";
  try {
    choice = localStorage.getItem(KEY) ?? "auto";
  } catch { /* a browser that stores nothing */ }

  const apply = () => {
    const dark = choice === "dark" || (choice !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.dispatchEvent(new Event("theme"));
  };
  system.addEventListener("change", apply);
  apply();

  const AGAIN_MS = 5000;

  /** Once the server answers, and not before: a browser gives up a page that it cannot load. */
  const reload = () => setTimeout(() => fetch(location.href).then(({ ok }) => (ok ? location.reload() : reload()), reload), AGAIN_MS);

  // A script that was refused, or one that it imports, leaves the page without all of them.
  window.addEventListener("error", ({ target }) => {
    if (target instanceof Element && target.matches("script[type=module], link[rel=stylesheet]")) reload();
  }, true);

  window.edgeTheme = {
    get choice() {
      return choice;
    },
    choose(word) {
      choice = word;
      try {
        localStorage.setItem(KEY, word);
      } catch { /* it holds until the page is closed */ }
      apply();
    },
  };
})();
