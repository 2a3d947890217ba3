// Shows the document. Calls go to the service that shows the page, under whatever prefix it is seen.
(async () => {
  const spec = await (await fetch("openapi.json")).json();
  spec.servers = [{ url: new URL(".", document.baseURI).pathname.replace(/\/$/, "") || "/" }];
  // A call by the session of the dashboard has to say that it is of a page of the service. A token that is given
  // under "Authorize" counts before that session, and is forgotten with the page.
  const requestInterceptor = (request) => {
    if (new URL(request.url, location.href).origin === location.origin) request.headers["Visor-Csrf"] = "1";
    return request;
  };
  SwaggerUIBundle({ spec, dom_id: "#swagger-ui", deepLinking: true, requestInterceptor });
})();
