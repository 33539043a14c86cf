// Command kube is every Kubernetes program of a node in one binary: it runs the one whose name it
// was called by (a symbolic link), or the one named by the first argument of plain "kube".
//
// One binary shares its pages between the processes and is a third of the size of six. Only what the
// upstream main packages import for their side effects is imported here: JSON logs, the client metrics
// and the time zones. Without them "--logging-format=json" is refused, rest_client_* metrics are missing,
// and a CronJob can't name its time zone.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs makes only the command that is asked for: each costs time and memory to build.
var programs = map[string]func() *cobra.Command{
	"kube-apiserver":          newAPIServer,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

func main() {
	name := filepath.Base(os.Args[0])
	if name == "kube" && len(os.Args) > 1 {
		name, os.Args = os.Args[1], os.Args[1:]
	}
	if name == "kubectl" {
		// As upstream: kubectl words its own errors and sets the exit code from them.
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
		return
	}
	program, known := programs[name]
	if !known {
		fmt.Fprintf(os.Stderr, "kube: no program %q; expected kubectl, kubelet, kube-apiserver, "+
			"kube-controller-manager, kube-proxy or kube-scheduler\n", name)
		os.Exit(2)
	}
	go mindMemory()
	os.Exit(cli.Run(program()))
}
