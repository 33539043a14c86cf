package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	etcd "go.etcd.io/etcd/client/v3/kubernetes"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// newAPIServer is upstream's API server, which also fills an empty store while it starts.
//
// Upstream creates some 200 objects for its own parts (roles, accounts, priorities) over its API, one after
// the other; until then it refuses every other component, and says that it is not ready. Written before,
// straight to the store, each is found there; and upstream still compares, completes and mends what it finds,
// as at every start.
func newAPIServer() *cobra.Command {
	command := apiserver.NewAPIServerCommand()
	prepare := command.PersistentPreRunE
	command.PersistentPreRunE = func(command *cobra.Command, arguments []string) error {
		// Sets the feature gates, on which some roles depend.
		if err := prepare(command, arguments); err != nil {
			return err
		}
		go func() {
			// Not fatal: what is missing upstream creates.
			if err := fillEmptyStore(command); err != nil {
				fmt.Fprintf(os.Stderr, "kube-apiserver: first objects are left to the API: %v\n", err)
			}
		}()
		return nil
	}
	return command
}

// How the store is filled: so many objects at a time, since each waits for the disk; and so long at most.
const (
	fillWriters = 16
	fillTime    = time.Minute
)

// fillEmptyStore creates each of firstObjects that the store lacks, if it lacks lastObject.
func fillEmptyStore(command *cobra.Command) error {
	// A flag that is not there any more must not be taken for one that is not set.
	var unknown error
	text := func(flag string) string {
		value, err := command.Flags().GetString(flag)
		unknown = errors.Join(unknown, err)
		return value
	}
	list := func(flag string) []string {
		value, err := command.Flags().GetStringSlice(flag)
		unknown = errors.Join(unknown, err)
		return value
	}
	encrypted := text("encryption-provider-config") != ""
	several := len(list("etcd-servers-overrides")) > 0
	roles := slices.Contains(list("authorization-mode"), "RBAC") && text("authorization-config") == ""
	servers, prefix := list("etcd-servers"), path.Join("/", text("etcd-prefix"))+"/"
	files := transport.TLSInfo{
		CertFile:      text("etcd-certfile"),
		KeyFile:       text("etcd-keyfile"),
		TrustedCAFile: text("etcd-cafile"),
	}
	switch {
	case unknown != nil:
		return unknown
	case encrypted, several, !roles:
		return errors.New("the store is encrypted, or is several, or roles may not be in force")
	}
	media, known := runtime.SerializerInfoForMediaType(legacyscheme.Codecs.SupportedMediaTypes(), text("storage-media-type"))
	if !known {
		return fmt.Errorf("unknown storage media type %q", text("storage-media-type"))
	}
	store, err := connect(servers, files)
	if err != nil {
		return err
	}
	defer store.Close()

	limited, cancel := context.WithTimeout(context.Background(), fillTime)
	defer cancel()
	found, err := store.Kubernetes.Get(limited, prefix+lastObject, etcd.GetOptions{})
	if err != nil || found.KV != nil {
		return err
	}
	put := func(first firstObject) error {
		legacyscheme.Scheme.Default(first.object)
		encoder := legacyscheme.Codecs.EncoderForVersion(media.Serializer, first.version)
		data, err := runtime.Encode(encoder, first.object)
		if err != nil {
			return fmt.Errorf("%s: %w", first.key, err)
		}
		// Expects revision 0: what is there stays.
		_, err = store.Kubernetes.OptimisticPut(limited, prefix+first.key, data, 0, etcd.PutOptions{})
		return err
	}
	var group errgroup.Group
	group.SetLimit(fillWriters)
	objects := firstObjects()
	last := len(objects) - 1
	for _, first := range objects[:last] {
		group.Go(func() error { return put(first) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return put(objects[last])
}

// connect opens a connection to the store, with TLS if there are files for it.
func connect(servers []string, files transport.TLSInfo) (*etcd.Client, error) {
	config := clientv3.Config{Endpoints: servers}
	if files.TrustedCAFile != "" || files.CertFile != "" {
		var err error
		if config.TLS, err = files.ClientConfig(); err != nil {
			return nil, err
		}
	}
	return etcd.New(config)
}
