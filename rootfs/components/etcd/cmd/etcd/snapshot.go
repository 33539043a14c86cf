package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-semver/semver"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/storage/schema"
)

// A snapshot is a file as `etcdctl snapshot save` writes it: the database, then its SHA-256.

// rootCA is the object that says by which authority the cluster of a snapshot can be told.
const rootCA = "/registry/configmaps/kube-system/kube-root-ca.crt"

// revisionBump is what a restore adds to the revision of the snapshot or of the store that it replaces, whichever is
// higher, as the clients of the API server must never see a revision that they have seen with other content: more
// than a cluster writes while a restore is made.
const revisionBump = 1_000_000_000

// checked is what a check says of a snapshot.
type checked struct {
	Revision int64  `json:"revision"`
	Keys     int    `json:"keys"`
	Bytes    int64  `json:"bytes"`
	Version  string `json:"version"`
	// Authority is the root certificate of the snapshot's cluster as it is stored; empty if it has none.
	Authority []byte `json:"authority"`
}

// save writes a snapshot of the running store to the standard output.
func save(flags map[string]string) error {
	client, _, err := connect(flags)
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := client.SnapshotWithVersion(context.Background())
	if err != nil {
		return err
	}
	defer answer.Snapshot.Close()
	_, err = io.Copy(os.Stdout, answer.Snapshot)
	return err
}

// check reads the snapshot --file completely and writes what it says of itself to the standard output.
func check(flags map[string]string) error {
	path, err := needed(flags, "file")
	if err != nil {
		return err
	}
	if err := checkSum(path); err != nil {
		return err
	}
	status, err := snapshot.NewV3(zap.NewNop()).Status(path)
	if err != nil {
		return err
	}
	if err := checkVersion(status.Version); err != nil {
		return err
	}
	authority, err := latest(path, rootCA)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(checked{
		Revision: status.Revision, Keys: status.TotalKey, Bytes: status.TotalSize, Version: status.Version,
		Authority: authority,
	})
}

// restore makes the empty or missing directory --to the data of a store with the content of the snapshot --file.
// The other flags are those with which the store is served that it replaces, and will be served.
func restore(flags map[string]string) error {
	given := make(map[string]string)
	for _, name := range []string{
		"file", "to", "name", "initial-cluster", "initial-cluster-token", "initial-advertise-peer-urls",
	} {
		value, err := needed(flags, name)
		if err != nil {
			return err
		}
		given[name] = value
	}
	status, err := snapshot.NewV3(zap.NewNop()).Status(given["file"])
	if err != nil {
		return err
	}
	err = snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath:        given["file"],
		OutputDataDir:       given["to"],
		Name:                given["name"],
		PeerURLs:            strings.Split(given["initial-advertise-peer-urls"], ","),
		InitialCluster:      given["initial-cluster"],
		InitialClusterToken: given["initial-cluster-token"],
		RevisionBump:        uint64(max(servedRevision(flags)-status.Revision, 0)) + revisionBump,
		MarkCompacted:       true,
	})
	if err != nil {
		return err
	}
	return syncTree(given["to"])
}

// servedRevision returns the revision of the store that is served; if it does not answer, that in its database; 0 if
// that can't be read either, as where there is none.
func servedRevision(flags map[string]string) int64 {
	if client, address, err := connect(flags); err == nil {
		defer client.Close()
		limit, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if status, err := client.Status(limit, address); err == nil {
			return status.Header.Revision
		}
	}
	path := filepath.Join(flags["data-dir"], "member", "snap", "db")
	db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return 0
	}
	defer db.Close()
	var revision int64
	_ = db.View(func(tx *bolt.Tx) error { // What can't be read is 0.
		if bucket := tx.Bucket(schema.Key.Name()); bucket != nil {
			if key, _ := bucket.Cursor().Last(); len(key) >= 8 {
				revision = int64(binary.BigEndian.Uint64(key))
			}
		}
		return nil
	})
	return revision
}

// checkSum compares the last 32 bytes of a file with the SHA-256 of the others.
func checkSum(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	facts, err := file.Stat()
	if err != nil {
		return err
	}
	length := facts.Size() - sha256.Size
	if length < 0 || length%512 != 0 {
		return fmt.Errorf("a file of %d bytes is no snapshot of etcd", facts.Size())
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(file, length)); err != nil {
		return err
	}
	expected, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(expected, hash.Sum(nil)) {
		return errors.New("the snapshot is damaged: its SHA-256 is not the one at its end")
	}
	return nil
}

// checkVersion refuses a snapshot that this etcd does not read: it reads its own minor version and the one before.
func checkVersion(found string) error {
	if found == "" {
		// From a store of which the cluster's version was not decided yet.
		return nil
	}
	have, err := semver.NewVersion(found)
	if err != nil {
		return fmt.Errorf("version %q: %w", found, err)
	}
	own := semver.Must(semver.NewVersion(version.Version))
	if have.Major != own.Major || have.Minor > own.Minor || have.Minor < own.Minor-1 {
		return fmt.Errorf("the snapshot is of etcd %d.%d, expected %d.%d or %d.%d",
			have.Major, have.Minor, own.Major, own.Minor-1, own.Major, own.Minor)
	}
	return nil
}

// latest returns the last value of a key in a snapshot; nothing if it has none.
func latest(path, key string) ([]byte, error) {
	db, err := bolt.Open(path, 0o400, &bolt.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var found []byte
	err = db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(schema.Key.Name())
		if bucket == nil {
			return errors.New("the database has no keys")
		}
		return bucket.ForEach(func(_, value []byte) error {
			// A revision that a restore has made has no content.
			if !bytes.Contains(value, []byte(key)) {
				return nil
			}
			var pair mvccpb.KeyValue
			if err := proto.Unmarshal(value, &pair); err != nil {
				return err
			}
			if string(pair.Key) == key {
				found = pair.Value
			}
			return nil
		})
	})
	return found, err
}

// syncTree has the disk hold everything below a directory, and the directory.
func syncTree(path string) error {
	return filepath.WalkDir(path, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return file.Sync()
	})
}
