package main

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite"
)

// A snapshot is a database of SQLite, then its SHA-256, as snapshots of etcd are.

// rootCA is the object that says by which authority the cluster of a snapshot can be told.
const rootCA = "/registry/configmaps/kube-system/kube-root-ca.crt"

// revisionBump is what a restore adds to the revision of the snapshot or of the database that it replaces, whichever is
// higher, as the clients of the API server must never see a revision that they have seen with other content: more
// than a cluster writes while a restore is made.
const revisionBump = 1_000_000_000

// checked is what a check says of a snapshot.
type checked struct {
	Revision int64  `json:"revision"`
	Keys     int64  `json:"keys"`
	Bytes    int64  `json:"bytes"`
	Version  string `json:"version"`
	// Authority is the root certificate of the snapshot's cluster as it is stored; empty if it has none.
	Authority []byte `json:"authority"`
}

// save writes a snapshot of the database to the standard output, whether it is served or not. SQLite makes a copy
// beside it first, which needs the room for it. The copy's name is of this process: there may be another one.
func save(flags map[string]string) error {
	path, err := database(flags)
	if err != nil {
		return err
	}
	if err := removeStale(path); err != nil {
		return err
	}
	copied := copyOf(path, os.Getpid())
	if err := remove(copied); err != nil {
		return err
	}
	defer os.Remove(copied)
	if err := copyTo(path, copied); err != nil {
		return err
	}
	file, err := os.Open(copied)
	if err != nil {
		return err
	}
	defer file.Close()
	// From here on the room is given back however this ends.
	if err := remove(copied); err != nil {
		return err
	}
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(os.Stdout, hash), file); err != nil {
		return err
	}
	_, err = os.Stdout.Write(hash.Sum(nil))
	return err
}

// copyOf returns the path of the copy that a process makes of a database.
func copyOf(path string, pid int) string {
	return fmt.Sprintf("%s.%d.snapshot", path, pid)
}

// removeStale removes copies of processes that are gone.
func removeStale(path string) error {
	copies, err := filepath.Glob(path + ".*.snapshot")
	if err != nil {
		return err
	}
	for _, copied := range copies {
		var pid int
		if _, err := fmt.Sscanf(copied[len(path):], ".%d.snapshot", &pid); err != nil {
			continue
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); errors.Is(err, os.ErrNotExist) {
			if err := remove(copied); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyTo makes a consistent copy of a database that others may write to.
func copyTo(path, copied string) error {
	db, err := open(path, "mode=rw&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec("VACUUM INTO ?", copied)
	return err
}

// check reads the snapshot --file completely and writes what it says of itself to the standard output.
func check(flags map[string]string) error {
	path, err := needed(flags, "file")
	if err != nil {
		return err
	}
	file, length, err := openChecked(path)
	if err != nil {
		return err
	}
	file.Close()
	// The sum at its end is beyond the last page.
	db, err := open(path, "mode=ro&immutable=1")
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("the database is damaged: %s", verdict)
	}
	found := checked{Bytes: length}
	const latest = "SELECT MAX(id) AS id, deleted FROM kine WHERE name != 'compact_rev_key' GROUP BY name"
	err = db.QueryRow("SELECT COALESCE(MAX(id), 0), COUNT(*) FROM ("+latest+") WHERE deleted = 0").
		Scan(&found.Revision, &found.Keys)
	if err != nil {
		return fmt.Errorf("this is no database of kine: %w", err)
	}
	if err := db.QueryRow("SELECT COALESCE(MAX(id), 0) FROM kine").Scan(&found.Revision); err != nil {
		return err
	}
	err = db.QueryRow("SELECT value FROM kine WHERE name = ? ORDER BY id DESC LIMIT 1", rootCA).Scan(&found.Authority)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// restore makes the empty or missing directory --to the data of a kine with the content of the snapshot --file. The
// other flags are those with which the database is served that it replaces.
func restore(flags map[string]string) error {
	from, err := needed(flags, "file")
	if err != nil {
		return err
	}
	to, err := needed(flags, "to")
	if err != nil {
		return err
	}
	path, err := database(flags)
	if err != nil {
		return err
	}
	served := servedRevision(path)
	path = filepath.Join(to, filepath.Base(path))
	file, length, err := openChecked(from)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.CopyN(out, file, length); err != nil {
		return err
	}
	if err := bump(path, served); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	directory, err := os.Open(to)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}

// servedRevision returns the revision of the database that is served; 0 if it can't be read, as where there is none.
func servedRevision(path string) int64 {
	db, err := open(path, "mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return 0
	}
	defer db.Close()
	var last int64
	if err := db.QueryRow("SELECT COALESCE(MAX(id), 0) FROM kine").Scan(&last); err != nil {
		return 0
	}
	return last
}

// bump raises the revision, above the one that is served too, and says that all before is compacted: a watch from there on has to begin anew. The
// row is of the kind with which kine fills revisions that were never written.
func bump(path string, served int64) error {
	db, err := open(path, "mode=rw")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var last int64
	if err := tx.QueryRow("SELECT COALESCE(MAX(id), 0) FROM kine").Scan(&last); err != nil {
		return err
	}
	next := max(last, served) + revisionBump
	_, err = tx.Exec(`INSERT INTO kine(id, name, created, deleted, create_revision, prev_revision, lease, value, old_value)
		VALUES (?, ?, 0, 1, 0, 0, 0, NULL, NULL)`, next, fmt.Sprintf("gap-%d", next))
	if err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE kine SET prev_revision = ? WHERE name = 'compact_rev_key'", next); err != nil {
		return err
	}
	return tx.Commit()
}

// openChecked opens a snapshot and compares its last 32 bytes with the SHA-256 of the others; returns it at its
// beginning, and the length of the database.
func openChecked(path string) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	length, err := checkSum(file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, length, nil
}

func checkSum(file *os.File) (int64, error) {
	facts, err := file.Stat()
	if err != nil {
		return 0, err
	}
	length := facts.Size() - sha256.Size
	if length < 0 || length%512 != 0 {
		return 0, fmt.Errorf("a file of %d bytes is no snapshot of kine", facts.Size())
	}
	hash := sha256.New()
	if _, err := io.CopyN(hash, file, length); err != nil {
		return 0, err
	}
	expected, err := io.ReadAll(file)
	if err != nil {
		return 0, err
	}
	if !bytes.Equal(expected, hash.Sum(nil)) {
		return 0, errors.New("the snapshot is damaged: its SHA-256 is not the one at its end")
	}
	return length, nil
}

// open opens a database that is there.
func open(path, parameters string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(absolute); err != nil {
		return nil, err
	}
	return sql.Open("sqlite", "file:"+(&url.URL{Path: absolute}).EscapedPath()+"?"+parameters)
}

// remove removes a file that may be absent.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
