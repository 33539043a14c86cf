//! The commands, one file each.

pub mod build;
pub mod bundle;
pub mod cache;
pub mod config;
pub mod inspect;
mod install;
pub mod keys;
pub mod kubeconfig;
pub mod lock;
pub mod maintenance;
pub mod netboot;
pub mod node;
mod partition;
pub mod run;
mod seed;
pub mod state;
pub mod stop;
mod store;
mod time;
pub mod token;
pub mod upgrade;
