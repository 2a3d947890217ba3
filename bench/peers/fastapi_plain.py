"""Plain FastAPI: a route that returns ready bytes, and a POST that takes a body and does nothing."""

from fastapi import FastAPI, Response
from pydantic import BaseModel

from bench.peers.uvicorn_alone import serve

app = FastAPI()


class Body(BaseModel):
    """What Visor's PUT of a variable takes."""

    value: str


@app.get("/bytes/{size}")
async def ready_bytes(size: int) -> Response:
    return Response(b"x" * size, media_type="application/json")


@app.post("/nothing")
async def nothing(body: Body) -> Body:
    return body


if __name__ == "__main__":
    serve(app)
