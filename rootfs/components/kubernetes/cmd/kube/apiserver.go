package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/flagz"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/cli/globalflag"
	basecompatibility "k8s.io/component-base/compatibility"
	"k8s.io/component-base/featuregate"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/component-base/term"
	"k8s.io/component-base/version"
	"k8s.io/component-base/version/verflag"
	"k8s.io/klog/v2"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const programName = "kube-apiserver"

// newAPIServer is upstream's API server (NewAPIServerCommand and Run in cmd/kube-apiserver/app/server.go), which
// also fills an empty store while it starts and makes its OpenAPI documents when they are asked for. Upstream's
// command keeps its options and its servers to itself, so this one is made the same way from the same parts: a
// new version of Kubernetes has to be compared with it. Left out is a log line about Go's settings.
func newAPIServer() *cobra.Command {
	s := options.NewServerRunOptions()
	ctx := genericapiserver.SetupSignalContext()
	components := s.GenericServerRunOptions.ComponentGlobalsRegistry
	gates := components.FeatureGateFor(basecompatibility.DefaultKubeComponent)
	command := &cobra.Command{
		Use:          programName,
		Long:         "The Kubernetes API server validates and stores the objects of the API, and serves them.",
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := components.Set(); err != nil {
				return err
			}
			// The server should not log warnings about requests of its own.
			rest.SetDefaultWarningHandler(rest.NoWarnings{})
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error {
			verflag.PrintAndExitIfRequested()
			if err := logsapi.ValidateAndApply(s.Logs, gates); err != nil {
				return err
			}
			cliflag.PrintFlags(command.Flags())
			completed, err := s.Complete(ctx)
			if err != nil {
				return err
			}
			if errs := completed.Validate(); len(errs) != 0 {
				return utilerrors.NewAggregate(errs)
			}
			gates.(featuregate.MutableFeatureGate).AddMetrics()
			components.AddMetrics()
			return serve(ctx, completed)
		},
	}
	command.SetContext(ctx)
	sets := s.Flags()
	s.Flagz = flagz.NamedFlagSetsReader{FlagSets: sets}
	verflag.AddFlags(sets.FlagSet("global"))
	globalflag.AddGlobalFlags(sets.FlagSet("global"), command.Name(), logs.SkipLoggingConfigurationFlags())
	for _, set := range sets.FlagSets {
		command.Flags().AddFlagSet(set)
	}
	columns, _, _ := term.TerminalSize(command.OutOrStdout())
	cliflag.SetUsageAndHelpFunc(command, sets, columns)
	return command
}

// serve runs the API server until it is told to stop.
func serve(ctx context.Context, completed options.CompletedOptions) error {
	klog.Infof("Version: %+v", version.Get())
	// Copies: what follows changes the options of the store.
	store, authorization := *completed.Etcd, *completed.Authorization
	go func() {
		// Not fatal: what is missing upstream creates.
		if err := fillEmptyStore(store, authorization); err != nil {
			fmt.Fprintf(os.Stderr, "kube-apiserver: first objects are left to the API: %v\n", err)
		}
	}()
	if completed.InformerName == nil {
		informers, err := cache.NewInformerName(programName)
		if err != nil {
			return err
		}
		completed.InformerName = informers
	}
	config, err := apiserver.NewConfig(completed)
	if err != nil {
		return err
	}
	config.KubeAPIs.ControlPlane.Generic.SkipOpenAPIInstallation = true
	whole, err := config.Complete()
	if err != nil {
		return err
	}
	// The aggregator, in front of the server of Kubernetes' own API, in front of that of custom resources.
	server, err := apiserver.CreateServerChain(whole)
	if err != nil {
		return err
	}
	if err := installOpenAPI(server.GenericAPIServer.NextDelegate(), whole.KubeAPIs.ControlPlane.Generic.Config); err != nil {
		return err
	}
	prepared, err := server.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}
