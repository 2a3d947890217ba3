"""The `VISOR_*` variables of the command line; those of the service are its settings."""

CLIENT_VARIABLES = (
    "VISOR_URL",
    "VISOR_TOKEN",
    "VISOR_CONTEXT",
    "VISOR_ACTOR",
    "VISOR_CA",
    "VISOR_CERT",
    "VISOR_KEY",
)
