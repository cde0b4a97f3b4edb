//! Storage that several hosts may share over the network, on each of the servers that it can stand on.

mod law;
mod object_store;
mod redis;
mod server;
