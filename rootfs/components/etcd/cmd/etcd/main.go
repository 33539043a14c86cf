// Command etcd is etcd, but what it makes is open to its group and closed to all others.
//
// The API server reaches it by a socket in a directory that gives the socket the API server's group.
// Connecting takes leave to write, which the umask of services would take from the group. Data is not
// concerned: etcd itself makes its files and directories for its user alone.
package main

import (
	"os"
	"syscall"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	syscall.Umask(0o007)
	etcdmain.Main(os.Args)
}
