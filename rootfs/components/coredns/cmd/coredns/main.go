// Command coredns is CoreDNS with the plugins that our Corefile uses, and no others.
//
// Upstream's has some sixty, among them clients of three clouds, of etcd and of tracers, and DNS over QUIC and HTTP/3
// in all of which a flaw would be ours. The order of the plugins is upstream's (core/dnsserver/zdirectives.go),
// whichever are linked in.
package main

import (
	"os"

	"github.com/coredns/coredns/coremain"
	"github.com/coredns/coredns/plugin/pkg/parse"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

const (
	// The variable in our Corefile that stands for the resolvers to ask.
	variable = "UPSTREAMS"
	// The resolvers of the pod: the node's.
	resolvers = "/etc/resolv.conf"
	// Where nobody answers, so that a name outside the cluster fails at once.
	nobody = "127.0.0.1:1"
)

func main() {
	if err := os.Setenv(variable, upstreams(resolvers)); err != nil {
		panic(err)
	}
	coremain.Run()
}

// upstreams returns what to forward to: the resolvers in the file, unless it names none. Upstream's forward would refuse
// to start then, and a node without resolvers would have no DNS for the cluster's own names either.
func upstreams(file string) string {
	if servers, err := parse.HostPortOrFile(file); err != nil || len(servers) == 0 {
		return nobody
	}
	return file
}
