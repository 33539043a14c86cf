package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// An order is something to be done with the database besides serving it. noded runs each as a child, as kine's
// user. Its arguments are the flags with which the database is served, of which it takes what it needs, and its
// own: --name=value, whatever the order. Its result goes to the standard output, an error to the standard error as
// one line, with exit code 1. They are those of cmd/etcd.
type order func(flags map[string]string) error

// orders has the name of each.
var orders = map[string]order{
	"snapshot-save":    save,
	"snapshot-check":   check,
	"snapshot-restore": restore,
}

// run carries an order out; returns the exit code.
func run(name string, do order, arguments []string) int {
	// Data is for its user alone.
	syscall.Umask(0o077)
	flags, err := parse(arguments)
	if err == nil {
		err = do(flags)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

// parse returns the flags by name.
func parse(arguments []string) (map[string]string, error) {
	flags := make(map[string]string)
	for _, argument := range arguments {
		name, value, found := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		if !found || !strings.HasPrefix(argument, "--") {
			return nil, fmt.Errorf("expected --NAME=VALUE, found %q", argument)
		}
		flags[name] = value
	}
	return flags, nil
}

// needed returns the value of a flag.
func needed(flags map[string]string, name string) (string, error) {
	if value := flags[name]; value != "" {
		return value, nil
	}
	return "", fmt.Errorf("expected --%s", name)
}

// database returns the path of the database that is served.
func database(flags map[string]string) (string, error) {
	endpoint, err := needed(flags, "endpoint")
	if err != nil {
		return "", err
	}
	path, found := strings.CutPrefix(endpoint, "sqlite://")
	if !found {
		return "", fmt.Errorf("--endpoint: expected sqlite://PATH, found another database")
	}
	path, _, _ = strings.Cut(path, "?")
	return path, nil
}
