//! A restore from its upload to its end, with a stand-in for `init` that keeps a set of services, and one for the
//! store's program.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use api::{PieceQuery, StateVersions, StoreRestore, StoreRestoreRequest, StoreStage, Upload};
use config::{NodeApi, NodeDocuments, Secret};
use control::{Reply, Request, ServiceSpec, ServiceState, ServiceStatus, read_message, write_message};
use data_encoding::BASE64;
use snapshots::{Image, Kind, Store};

use super::restorer::{Places, Restorer};
use crate::init::Init;
use crate::node::Node;
use crate::state::Keeper;
use crate::testing;
use crate::timekeeper::Doubt;

const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// The sets that were handed to `init`, by the names of the services.
type Sets = Arc<Mutex<Vec<Vec<String>>>>;

/// A stand-in for `init`: all services of its set are ready.
fn init(folder: &Path, first: &[ServiceSpec]) -> (Init, Sets) {
    let names = |services: &[ServiceSpec]| services.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    let sets: Sets = Arc::new(Mutex::new(vec![names(first)]));
    let (kept, socket) = (Arc::clone(&sets), folder.join("init.sock"));
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let request = read_message::<Request>(&mut BufReader::new(&stream)).unwrap().unwrap();
            let reply = match request {
                Request::Submit { services } => {
                    kept.lock().unwrap().push(names(&services));
                    Reply::Ok
                }
                Request::Status { .. } => {
                    let set = kept.lock().unwrap().last().unwrap().clone();
                    let services = set.into_iter().map(ready).collect();
                    Reply::Status(control::Status { services, ..control::Status::default() })
                }
                other => Reply::Error { message: format!("{other:?}") },
            };
            write_message(&stream, &reply).unwrap();
        }
    });
    (Init::at(&socket), sets)
}

fn ready(name: String) -> ServiceStatus {
    let state = ServiceState::Ready;
    ServiceStatus { name, state, pid: Some(7), restarts: 0, last_exit: None, since_ms: 5, usage: None }
}

/// A node whose store holds "before", below a directory.
struct Lab {
    folder: tempfile::TempDir,
    restorer: Restorer,
    sets: Sets,
}

impl Lab {
    /// `restore` is what the store's program does to restore `$file` into `$to`; the snapshot's cluster has `authority`.
    fn new(authority: &str, restore: &str) -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        prepared(&state);
        fs::write(folder.path().join("ca.crt"), AUTHORITY).unwrap();
        let authority = BASE64.encode(format!("k8s\0 {} v1", authority.trim()).as_bytes());
        let script = folder.path().join("etcd");
        let text = format!(
            r#"#!/bin/sh
order=$1
for word; do case $word in --file=*) file=${{word#--file=}};; --to=*) to=${{word#--to=}};; esac; done
case $order in
snapshot-check) echo '{{"revision":7,"keys":3,"authority":"{authority}"}}' ;;
snapshot-restore) {restore} ;;
esac
"#
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let services =
            ["etcd", "containerd", "kube-apiserver", "kubelet"].map(|name| service(name, &script)).to_vec();
        let (init, sets) = init(folder.path(), &services);
        let facts = (api::ConfigFacts::default(), Doubt::default());
        let mut node = Node::new(init, crate::testing::image(), documents(), facts);
        node.state = Keeper::at(&state);
        node.state.is_used_already().unwrap();
        node.planned().services = services;
        let places = Places { staging: state.join("incoming"), authority: folder.path().join("ca.crt") };
        Lab { restorer: Restorer::at(Arc::new(node), places), folder, sets }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn request(bytes: u64) -> StoreRestoreRequest {
        let upload = Upload { bytes, sha256: "ab".repeat(32) };
        StoreRestoreRequest { upload, foreign: false, dry_run: false }
    }

    /// Uploads a snapshot in two pieces and waits until the restore has ended.
    fn restore(&self) -> StoreRestore {
        let begun = self.restorer.begin(&Lab::request(10)).unwrap();
        assert_eq!((begun.stage, begun.done_bytes), (StoreStage::Receiving, 0));
        for (offset, piece) in [(0, b"snaps"), (5, b"hot!!")] {
            self.restorer.take(&PieceQuery { id: "ab".repeat(32), offset }, piece).unwrap();
        }
        loop {
            let status = self.restorer.status();
            if matches!(status.stage, StoreStage::Done | StoreStage::Failed) {
                return status;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn stored(&self) -> String {
        fs::read_to_string(self.state().join("etcd/db")).unwrap()
    }
}

/// A state partition of generation 1 that holds "before".
fn prepared(state: &Path) {
    fs::create_dir_all(state.join("etcd")).unwrap();
    fs::write(state.join("etcd/db"), "before").unwrap();
    let versions = BTreeMap::from([("etcd".to_owned(), StateVersions { writes: 1, reads: 1 })]);
    Store::at(state).prepare(&Image { generation: 1, versions, ..Image::default() }).unwrap();
}

fn service(name: &str, program: &Path) -> ServiceSpec {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let program = program.display();
    let text = format!(
        r#"{{"name":"{name}","command":["{program}"],"environment":{{"PATH":"/usr/bin:/bin"}},"user":{{"uid":{uid},"gid":{gid}}}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn documents() -> NodeDocuments {
    let api = NodeApi {
        certificate_authority: String::new(),
        certificate: String::new(),
        key: Secret::default(),
        port: api::PORT,
    };
    testing::documents(api)
}

#[test]
fn an_uploaded_snapshot_takes_the_place_of_what_was_there() {
    let lab = Lab::new(AUTHORITY, "cp $file $to/db");
    let done = lab.restore();
    assert_eq!((done.stage, done.error), (StoreStage::Done, None));
    assert_eq!((done.revision, done.keys), (Some(7), Some(3)));
    assert_eq!(lab.stored(), "snapshot!!");
    // Only containers went on meanwhile, and then everything as before.
    let all = ["etcd", "containerd", "kube-apiserver", "kubelet"].map(str::to_owned).to_vec();
    assert_eq!(*lab.sets.lock().unwrap(), [all.clone(), vec!["containerd".to_owned()], all]);
    let kept = Store::at(&lab.state()).snapshots().unwrap();
    let kept = kept.iter().find(|s| Some(&s.id) == done.aside.as_ref()).unwrap();
    assert_eq!(kept.facts.as_ref().map(|f| f.kind), Some(Kind::Store));
    let before = lab.state().join("snapshots").join(&kept.id).join("etcd/db");
    assert_eq!(fs::read_to_string(before).unwrap(), "before");
    assert!(!lab.state().join("incoming/bundle").exists(), "the upload is gone");
}

#[test]
fn what_cannot_be_restored_changes_and_stops_nothing() {
    let foreign = AUTHORITY.replace("AAAA", "AAAB");
    let cases = [
        (foreign.as_str(), "cp $file $to/db", "other certificate authorities"),
        (AUTHORITY, "echo 'error: snapshot-restore: no room' >&2; exit 1", "snapshot-restore: no room"),
    ];
    for (authority, restore, why) in cases {
        let lab = Lab::new(authority, restore);
        let failed = lab.restore();
        assert_eq!((failed.stage, failed.aside), (StoreStage::Failed, None));
        let error = failed.error.unwrap();
        assert!(error.contains(why), "{error}");
        assert_eq!((lab.stored().as_str(), lab.sets.lock().unwrap().len()), ("before", 1));
        let left = fs::read_dir(lab.state().join("snapshots")).unwrap().flatten().map(|e| e.file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["g0-1"], "the copy from before generation 1");
    }
}

#[test]
fn the_state_is_not_restored_while_its_store_is() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    prepared(&state);
    let keeper = Keeper::at(&state);
    keeper.is_used_already().unwrap();
    let image = Image { generation: 1, ..Image::default() };
    let order = |id| keeper.order(id, &image, true).map_err(|e| e.to_string());
    let incoming = keeper.make_incoming("etcd").unwrap();
    let refused = order(Some("g0-1")).unwrap_err();
    assert!(refused.contains("being restored"), "{refused}");
    order(None).unwrap();
    keeper.discard(&incoming).unwrap();
    order(Some("g0-1")).unwrap();
    // One that is over is no obstacle either, and its result outlives this program.
    assert_eq!(keeper.put_aside(), None);
    let incoming = keeper.make_incoming("etcd").unwrap();
    fs::write(incoming.directory.join("db"), "after").unwrap();
    let aside = keeper.exchange(&incoming).unwrap();
    order(Some("g0-1")).unwrap();
    assert_eq!(Keeper::at(&state).put_aside(), Some(aside));
}

#[test]
fn a_copy_of_the_store_needs_its_size_and_a_reserve() {
    let folder = tempfile::tempdir().unwrap();
    prepared(folder.path());
    let keeper = Keeper::at(folder.path());
    let (empty, _) = keeper.room_to_copy("kine").unwrap();
    let (needed, free) = keeper.room_to_copy("etcd").unwrap();
    assert_eq!((needed - empty, free > 0), (6, true));
}
