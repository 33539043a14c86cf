package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// An order is something to be done with the store besides serving it, by etcd's own libraries. noded runs each
// as a child, as etcd's user. Its arguments are the flags with which the store is served, of which it takes what
// it needs, and its own: --name=value, whatever the order. Its result goes to the standard output, an error to the
// standard error as one line, with exit code 1.
//
// An order that needs the running store and does not find it fails after patience.
type order func(flags map[string]string) error

// orders has the name of each.
var orders = map[string]order{
	"snapshot-save":    save,
	"snapshot-check":   check,
	"snapshot-restore": restore,
	"defrag":           defrag,
	"disarm":           disarm,
}

// patience is how long a store that answers takes for a short answer, on an emulated machine too.
const patience = 10 * time.Second

// run carries an order out; returns the exit code.
func run(name string, do order, arguments []string) int {
	// Data is for its user alone.
	syscall.Umask(0o077)
	if err := guarded(do, arguments); err != nil {
		fmt.Fprintf(os.Stderr, "error: %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

// guarded turns a panic, with which the database answers damage, or a fault in its mapped file, into an error.
func guarded(do order, arguments []string) (err error) {
	debug.SetPanicOnFault(true)
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the database is damaged: %v", reason)
		}
	}()
	flags := make(map[string]string)
	for _, argument := range arguments {
		name, value, found := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		if !found || !strings.HasPrefix(argument, "--") {
			return fmt.Errorf("expected --NAME=VALUE, found %q", argument)
		}
		flags[name] = value
	}
	return do(flags)
}

// needed returns the value of a flag.
func needed(flags map[string]string, name string) (string, error) {
	if value := flags[name]; value != "" {
		return value, nil
	}
	return "", fmt.Errorf("expected --%s", name)
}

// connect returns a client of the running store, after it has answered, and its address.
func connect(flags map[string]string) (*clientv3.Client, string, error) {
	urls, err := needed(flags, "listen-client-urls")
	if err != nil {
		return nil, "", err
	}
	address, _, _ := strings.Cut(urls, ",")
	// What it has to say about a store that does not answer is in the error.
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{address}, Logger: zap.NewNop()})
	if err != nil {
		return nil, "", err
	}
	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := client.Status(limit, address); err != nil {
		client.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %s", patience)
		}
		return nil, "", fmt.Errorf("asking the store at %s: %w", address, err)
	}
	return client, address, nil
}
