package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	etcd "go.etcd.io/etcd/client/v3/kubernetes"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	kubeoptions "k8s.io/kubernetes/pkg/kubeapiserver/options"
)

// How the store is filled: so many objects at a time, since each waits for the disk; and so long at most.
const (
	fillWriters = 16
	fillTime    = time.Minute
)

// fillEmptyStore creates each of firstObjects that the store lacks, if it lacks lastObject.
//
// Upstream creates some 200 objects for its own parts (roles, accounts, priorities) over its API, one after
// the other; until then it refuses every other component, and says that it is not ready. Written before,
// straight to the store, each is found there; and upstream still compares, completes and mends what it finds,
// as at every start.
func fillEmptyStore(options genericoptions.EtcdOptions, authorization kubeoptions.BuiltInAuthorizationOptions) error {
	roles := authorization.AuthorizationConfigurationFile == "" && slices.Contains(authorization.Modes, "RBAC")
	if options.EncryptionProviderConfigFilepath != "" || len(options.EtcdServersOverrides) > 0 || !roles {
		return errors.New("the store is encrypted, or is several, or roles may not be in force")
	}
	media, known := runtime.SerializerInfoForMediaType(legacyscheme.Codecs.SupportedMediaTypes(), options.DefaultStorageMediaType)
	if !known {
		return fmt.Errorf("unknown storage media type %q", options.DefaultStorageMediaType)
	}
	prefix := path.Join("/", options.StorageConfig.Prefix) + "/"
	store, err := connect(options.StorageConfig.Transport)
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
func connect(server storagebackend.TransportConfig) (*etcd.Client, error) {
	config := clientv3.Config{Endpoints: server.ServerList}
	files := transport.TLSInfo{CertFile: server.CertFile, KeyFile: server.KeyFile, TrustedCAFile: server.TrustedCAFile}
	if files.TrustedCAFile != "" || files.CertFile != "" {
		var err error
		if config.TLS, err = files.ClientConfig(); err != nil {
			return nil, err
		}
	}
	return etcd.New(config)
}
