// Names its imports with .js, as node wants them.
export default { input: "./openapi.yaml", output: { path: "hey", module: { extension: ".js" } } };
