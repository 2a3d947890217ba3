"""The bytes of HTTP, below the application: what uvicorn leaves open to whoever connects."""
