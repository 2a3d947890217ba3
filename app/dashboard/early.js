// The stream is begun before the rest of the page is there: the registry is on its way meanwhile.

const shared = window.SharedWorker && !new URLSearchParams(location.search).has("own");

export const early = {
  worker: shared ? new SharedWorker(new URL("worker.js", import.meta.url), { type: "module", name: "visor" }) : null,
};
