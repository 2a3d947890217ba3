// Shows the document. Calls go to the service that shows the page, under whatever prefix it is seen.
(async () => {
  const spec = await (await fetch("openapi.json")).json();
  spec.servers = [{ url: new URL(".", document.baseURI).pathname.replace(/\/$/, "") || "/" }];
  SwaggerUIBundle({ spec, dom_id: "#swagger-ui", deepLinking: true });
})();
