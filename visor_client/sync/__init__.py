"""Made of visor_client/aio by scripts/sync_client: change it there."""
