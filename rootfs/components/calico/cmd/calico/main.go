// Command calico is all of Calico that a node needs, in one binary: the CNI plugins calico and calico-ipam (by the name
// it is called with), and with an order as first argument
//
//	node         the agent: registers the node, allocates its tunnel address, keeps the plugins' credentials fresh,
//	             and programs routes and policies (Felix)
//	definitions  prints the custom resource definitions as a JSON list
//
// Upstream runs the parts of the agent as processes of a container with a shell, runit, BIRD and confd. We use VXLAN
// without BGP, so two of them and all configuration files are not needed, and the others fit into one process. Each
// ends the process when it can't go on, and the kubelet starts all of them again.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/projectcalico/calico/cni-plugin/pkg/ipamplugin"
	"github.com/projectcalico/calico/cni-plugin/pkg/plugin"
	felix "github.com/projectcalico/calico/felix/daemon"
	"github.com/projectcalico/calico/libcalico-go/lib/logutils"
	"github.com/projectcalico/calico/node/pkg/allocateip"
	"github.com/projectcalico/calico/node/pkg/cni"
	"github.com/projectcalico/calico/node/pkg/lifecycle/startup"
	"github.com/projectcalico/calico/pkg/buildinfo"
)

const (
	// Where cni.Run writes the plugins' credentials, in the container.
	kubeconfig = "/host/etc/cni/net.d/calico-kubeconfig"
	// The configuration of the plugins: containerd uses the network as soon as it is there.
	network = "/host/etc/cni/net.d/10-calico.conflist"
	// The variable with its text.
	variable = "CNI_NETWORK_CONFIG"
	// Directory of the program ipset, in the container.
	programs = "/programs"
)

func main() {
	order := ""
	if len(os.Args) > 1 {
		order = os.Args[1]
	}
	switch name := filepath.Base(os.Args[0]); {
	case name == "calico-ipam":
		ipamplugin.Main(buildinfo.Version)
	case name == "ipset":
		// See withoutSets: there are none.
	case order == "node":
		node()
	case order == "definitions":
		if err := definitions(os.Stdout); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "calico:", err)
			os.Exit(1)
		}
	default:
		plugin.Main(buildinfo.Version)
	}
}

// node runs the agent until one of its parts ends the process.
func node() {
	logrus.SetOutput(os.Stdout)
	logutils.ConfigureFormatter("node")
	if err := withoutSets(); err != nil {
		logrus.WithError(err).Fatal("Failed to provide the program ipset")
	}
	startup.Run()
	// Before Felix starts, which would end when its tunnel's address changes.
	allocateip.Run(nil)
	go allocateip.Run(make(chan struct{}))
	go cni.Run()
	go offer()
	go func() {
		for {
			startup.MonitorIPAddressSubnets()
		}
	}()
	// Without C there is no libbpf, which Felix would call to remove what its eBPF mode has left.
	if err := os.Setenv("FELIX_DebugSkipCTLBCleanup", "true"); err != nil {
		logrus.WithError(err).Fatal("Failed to set a variable")
	}
	felix.Run("", buildinfo.Version, buildinfo.BuildDate, buildinfo.GitRevision)
}

// withoutSets provides the program ipset, of which Felix expects a list of sets: with nftables too, to remove what its
// iptables mode has left. That mode has never run here, and the node has no such program.
func withoutSets() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(programs, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(programs, "ipset")); err != nil && !os.IsExist(err) {
		return err
	}
	return os.Setenv("PATH", os.Getenv("PATH")+":"+programs)
}

// offer writes the plugins' configuration once they have credentials: before, every pod would fail to start.
func offer() {
	for {
		if _, err := os.Stat(kubeconfig); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	draft := network + ".new"
	err := os.WriteFile(draft, []byte(os.Getenv(variable)), 0o600)
	if err == nil {
		err = os.Rename(draft, network)
	}
	if err != nil {
		logrus.WithError(err).Fatal("Failed to write the configuration of the CNI plugins")
	}
}
