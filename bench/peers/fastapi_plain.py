"""Plain FastAPI: a route that returns ready bytes, and a POST that does nothing."""

from fastapi import FastAPI, Response

from bench.peers.uvicorn_alone import serve

app = FastAPI()


@app.get("/bytes/{size}")
async def ready_bytes(size: int) -> Response:
    return Response(b"x" * size, media_type="application/json")


@app.post("/nothing")
async def nothing() -> dict[str, str]:
    return {}


if __name__ == "__main__":
    serve(app)
