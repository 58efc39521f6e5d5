// What pages do beyond links and forms. Each of them is whole without this.
"use strict";

(() => {
  const MOST_ROWS = 200;
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  root.classList.add("scripted");

  // A word at the edge of the page, for a moment.
  let silence;
  const tell = (text) => {
    const told = byId("told");
    told.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { told.textContent = ""; }, 3000);
  };

  // The list of sessions as they happen.
  let stream, held = [], more = 0, isPaused = false, isBehind = false, frame = 0, again;

  // A row in place of what it was. Whoever is at one of its links stays there.
  const replace = (there, row) => {
    if (there.innerHTML === row.innerHTML) return;
    const at = [...there.querySelectorAll("a")].indexOf(document.activeElement);
    there.replaceWith(row);
    if (at >= 0) (row.querySelectorAll("a")[at] ?? row.querySelector("a")).focus({ preventScroll: true });
  };

  const show = () => {
    frame = 0;
    const rows = byId("rows");
    if (!rows || isPaused || isBehind) return;
    // Each batch has the newest first, so they are put on top from the last to the first.
    for (const html of held) {
      const parsed = document.createElement("template");
      parsed.innerHTML = html;
      for (const row of [...parsed.content.querySelectorAll("tr")].reverse()) {
        const there = byId(row.id);
        if (there) {
          replace(there, row);
        } else {
          row.classList.add("new");
          rows.prepend(row);
        }
      }
    }
    held = [];
    const wasThere = document.activeElement.closest("#rows tr") !== null;
    while (rows.rows.length > MOST_ROWS) rows.deleteRow(-1);
    if (wasThere && !document.activeElement.closest("#rows tr")) rows.lastElementChild.querySelector("[data-row]").focus();
    if (rows.rows.length) byId("none")?.remove();
    says();
  };

  const hold = (html) => {
    held.push(html);
    // What the page would show no more anyway is let go of.
    if (held.length > MOST_ROWS) held.shift();
    frame ||= requestAnimationFrame(show);
  };

  // How it goes is read out when it changes; the number, which changes all the time, is not.
  const says = () => {
    const live = byId("live");
    if (!live) return;
    const isOpen = stream?.readyState === EventSource.OPEN;
    const text = isPaused ? live.dataset.paused : isOpen ? live.dataset.live : live.dataset.lost;
    if (live.textContent !== text) live.textContent = text;
    if (!isPaused) byId("more").textContent = more ? ` · +${more} ${live.dataset.more}` : "";
  };

  // What came before the stream was open: nothing that comes by it is shown before that.
  const catchUp = async () => {
    isBehind = true;
    const from = stream;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (stream === from) held.unshift(page.getElementById("rows")?.innerHTML ?? "");
    } catch {
      // The stream is gone, too, and is opened again.
    }
    if (stream !== from) return;
    isBehind = false;
    show();
  };

  const connect = () => {
    clearTimeout(again);
    stream?.close();
    stream = undefined;
    isBehind = false;
    const from = byId("rows")?.dataset.stream;
    if (!from || document.hidden) return;
    stream = new EventSource(from + location.search);
    stream.onopen = () => { says(); catchUp(); };
    stream.onerror = () => {
      says();
      // A browser gives up where it is refused.
      if (stream.readyState === EventSource.CLOSED) again = setTimeout(connect, 5000);
    };
    stream.addEventListener("rows", (event) => hold(event.data));
    stream.addEventListener("more", (event) => {
      more += Number(event.data);
      says();
    });
  };

  const listen = () => {
    held = []; more = 0; isPaused = false;
    connect();
  };

  // A browser has few connections to one host for all its tabs, and nobody sees this one.
  document.addEventListener("visibilitychange", connect);

  const pause = () => {
    const button = byId("pause");
    if (!button) return;
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(isPaused));
    button.dataset.pause ??= button.textContent;
    button.textContent = isPaused ? button.dataset.go : button.dataset.pause;
    says();
    show();
  };

  // Clocks and countdowns, by the clock of the lane, which may stand still.
  let began = performance.now();
  const count = () => {
    const gone = performance.now() - began;
    for (const shown of document.querySelectorAll("[data-shows]:not([data-frozen])")) {
      shown.textContent = new Date(Number(shown.dataset.shows) + gone).toISOString();
    }
    for (const left of document.querySelectorAll("[data-left]")) {
      const waited = left.dataset.frozen === undefined ? gone : 0;
      const seconds = Math.max(0, Math.ceil((Number(left.dataset.left) - waited) / 1000));
      const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
      left.textContent = `${h ? `${h}:` : ""}${h ? String(m).padStart(2, "0") : m}:${String(s).padStart(2, "0")}`;
    }
  };

  const copy = async (button) => {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      tell(byId("told").dataset.copied);
    } catch {
      tell(byId("told").dataset.failed);
    }
  };

  // Whoever speaks to the browser, or hits keys without meaning to, wants none of them (WCAG 2.1.4).
  const likesKeys = () => {
    try {
      return localStorage.getItem("mockmx-keys") !== "off";
    } catch {
      return true;
    }
  };

  const open = (dialog) => {
    byId("single").checked = likesKeys();
    byId(dialog).showModal();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "pause") pause();
    else if (button.dataset.copy !== undefined) copy(button);
    else if (button.dataset.open) open(button.dataset.open);
  });

  // A file that is dropped on a form is sent with it.
  for (const happens of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(happens, (event) => {
      const form = byId("drop");
      if (!form || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      form.classList.toggle("over", happens === "dragover");
      if (happens === "drop" && event.dataTransfer.files.length) {
        byId("file").files = event.dataTransfer.files;
        form.requestSubmit();
      }
    });
  }

  const move = (by) => {
    const all = [...document.querySelectorAll("[data-row]")];
    if (!all.length) return;
    // Another link of a row is in that row.
    const row = document.activeElement.closest("tr, li");
    const at = all.findIndex((one) => one === document.activeElement || row?.contains(one));
    all[Math.min(all.length - 1, Math.max(0, at + by))].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !likesKeys()) return;
    if (event.target.closest("input, select, textarea, dialog")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const does = {
      j: () => move(1),
      k: () => move(-1),
      p: pause,
      "/": () => { byId("text")?.focus(); },
      "?": () => open("keys"),
    }[event.key];
    if (does) {
      event.preventDefault();
      does();
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.id === "single") localStorage.setItem("mockmx-keys", event.target.checked ? "on" : "off");
  });

  document.addEventListener("htmx:historyRestore", listen);
  document.addEventListener("htmx:afterSettle", () => {
    listen();
    // What was swapped in says anew how much is left.
    began = performance.now();
    count();
  });
  document.addEventListener("htmx:responseError", () => tell(byId("told").dataset.failed));
  document.addEventListener("htmx:sendError", () => tell(byId("told").dataset.failed));
  listen();
  count();
  setInterval(count, 500);
})();
