// The stream is begun before the rest of the page is there: the registry is on its way meanwhile.

export const early = {
  worker: window.SharedWorker ? new SharedWorker(new URL("worker.js", import.meta.url), { type: "module", name: "visor" }) : null,
};
