// Command etcd is etcd, but what it makes is open to its group and closed to all others.
//
// The API server reaches it by a socket in a directory that gives the socket the API server's group.
// Connecting takes leave to write, which the umask of services would take from the group. Data is not
// concerned: etcd itself makes its files and directories for its user alone.
//
// With an order as first argument it is a tool for the store instead (order.go).
package main

import (
	"os"
	"syscall"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	if len(os.Args) > 1 {
		if order, found := orders[os.Args[1]]; found {
			os.Exit(run(os.Args[1], order, os.Args[2:]))
		}
	}
	syscall.Umask(0o007)
	etcdmain.Main(os.Args)
}
