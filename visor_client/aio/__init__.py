"""The client for asyncio. `visor_client/sync` is made of it: `scripts/sync_client`."""
