"""Changes become typed events; one history serves all who wait for them."""
