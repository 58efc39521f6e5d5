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
  let stream, held = [], moreHeld = 0, isPaused = false, frame = 0;

  const show = () => {
    frame = 0;
    const rows = byId("rows");
    if (!rows) return;
    const known = document.activeElement && document.activeElement.closest("#rows tr");
    // Each batch has the newest first, so they are put on top from the last to the first.
    for (const html of held) {
      const parsed = document.createElement("template");
      parsed.innerHTML = html;
      for (const row of [...parsed.content.querySelectorAll("tr")].reverse()) {
        const there = byId(row.id);
        if (there) {
          if (there === known) there.innerHTML = row.innerHTML;
          else there.replaceWith(row);
        } else {
          row.classList.add("new");
          rows.prepend(row);
        }
      }
    }
    held = [];
    while (rows.rows.length > MOST_ROWS) rows.deleteRow(-1);
    if (rows.rows.length) byId("none")?.remove();
    says();
  };

  const says = () => {
    const live = byId("live");
    if (!live) return;
    const more = moreHeld ? ` · +${moreHeld} ${live.dataset.more}` : "";
    if (stream && stream.readyState === EventSource.OPEN) live.textContent = `${live.dataset.live}${more}`;
    else live.textContent = live.dataset.lost;
  };

  const listen = () => {
    stream?.close();
    stream = undefined;
    const rows = byId("rows");
    if (!rows?.dataset.stream) return;
    held = []; moreHeld = 0; isPaused = false;
    stream = new EventSource(rows.dataset.stream + location.search);
    stream.onopen = says;
    stream.onerror = says;
    stream.addEventListener("rows", (event) => {
      held.push(event.data);
      // What a paused page would show no more anyway is let go of.
      if (held.length > MOST_ROWS) held.shift();
      if (!isPaused && !frame) frame = requestAnimationFrame(show);
    });
    stream.addEventListener("more", (event) => {
      moreHeld += Number(event.data);
      if (!isPaused) says();
    });
  };

  const pause = () => {
    const button = byId("pause");
    if (!button) return;
    isPaused = !isPaused;
    button.setAttribute("aria-pressed", String(isPaused));
    button.dataset.pause ??= button.textContent;
    button.textContent = isPaused ? button.dataset.go : button.dataset.pause;
    if (isPaused) byId("live").textContent = button.dataset.paused;
    else show();
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

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.id === "pause") pause();
    else if (button.dataset.copy !== undefined) copy(button);
    else if (button.dataset.open) byId(button.dataset.open).showModal();
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
    const at = all.indexOf(document.activeElement);
    all[Math.min(all.length - 1, Math.max(0, at + by))].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, dialog")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const does = {
      j: () => move(1),
      k: () => move(-1),
      p: pause,
      "/": () => { byId("text")?.focus(); },
      "?": () => byId("keys").showModal(),
    }[event.key];
    if (does) {
      event.preventDefault();
      does();
    }
  });

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
