//! The whole product, told as stories against real servers: see `tests/`.
