"""Turns changes into typed events. All subscribers share one history."""
