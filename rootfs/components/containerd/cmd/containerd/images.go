package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	socket      = "/run/containerd/containerd.sock"
	namespace   = "k8s.io"
	snapshotter = "overlayfs"
	// The registry of the images of the root: it does not exist, so all names in it are ours.
	registry = "ironhull.local/"
	// Where a manifest says how its image is called.
	nameAnnotation = "io.containerd.image.name"
	// Keeps an image from the kubelet's garbage collection.
	pinned = "io.cri-containerd.pinned"
	// Time limit for everything; a machine may be slow.
	limit = 5 * time.Minute
)

// importImages makes the images in the directory known to containerd without copying them, and forgets those that it
// made known before and that are not there any more.
//
// An image is a directory with manifest.json, config.json and the content of its only layer, in rootfs. The layer becomes
// a snapshot of the overlay snapshotter whose directory is a symbolic link to rootfs, since an overlay takes any
// directory for a lower one, whatever file system it is on. So containers run what dm-verity checks, nothing is written
// but some records, and the memory of a program is shared by all who run it. The layer itself is in no content store, as
// after CRI's discard_unpacked_layers.
//
// After an upgrade the snapshot of an earlier layer leads to the new one. Nobody uses it: its image is replaced or
// forgotten here, no container outlives a reboot, and containerd collects it.
func importImages(directory string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := client.New(socket, client.WithDefaultNamespace(namespace))
	if err != nil {
		return err
	}
	defer c.Close()
	// What is written is not collected as garbage before the image that refers to it exists.
	ctx, release, err := c.WithLease(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = release(ctx) }()
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	present := map[string]bool{}
	for _, entry := range entries {
		path := filepath.Join(directory, entry.Name())
		name, err := importImage(ctx, c, path)
		if err != nil {
			return fmt.Errorf("image %s: %w", path, err)
		}
		present[name] = true
	}
	return forgetOthers(ctx, c, present)
}

// importImage makes one image known, and returns its name.
func importImage(ctx context.Context, c *client.Client, path string) (string, error) {
	var manifest ocispec.Manifest
	target, manifestText, err := read(filepath.Join(path, "manifest.json"), ocispec.MediaTypeImageManifest, &manifest)
	if err != nil {
		return "", err
	}
	var config ocispec.Image
	found, configText, err := read(filepath.Join(path, "config.json"), manifest.Config.MediaType, &config)
	if err != nil {
		return "", err
	}
	name := manifest.Annotations[nameAnnotation]
	if found.Digest != manifest.Config.Digest || len(config.RootFS.DiffIDs) != 1 || !strings.HasPrefix(name, registry) {
		return "", errors.New("expected the manifest of an image of ours with this config and one layer")
	}
	chain := identity.ChainID(config.RootFS.DiffIDs).String()
	if err := present(ctx, c.SnapshotService(snapshotter), chain, filepath.Join(path, "rootfs")); err != nil {
		return "", fmt.Errorf("layer: %w", err)
	}
	labels := map[string]string{"containerd.io/gc.ref.snapshot." + snapshotter: chain}
	if err := write(ctx, c.ContentStore(), found, configText, labels); err != nil {
		return "", fmt.Errorf("config: %w", err)
	}
	labels = map[string]string{"containerd.io/gc.ref.content.config": found.Digest.String()}
	if err := write(ctx, c.ContentStore(), target, manifestText, labels); err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	image := images.Image{Name: name, Target: target, Labels: map[string]string{pinned: "pinned"}}
	_, err = c.ImageService().Create(ctx, image)
	if errdefs.IsAlreadyExists(err) {
		_, err = c.ImageService().Update(ctx, image)
	}
	return name, err
}

// present makes the committed snapshot chain of a directory, unless it is there.
func present(ctx context.Context, s snapshots.Snapshotter, chain, rootfs string) error {
	if info, err := s.Stat(ctx, chain); err == nil && info.Kind == snapshots.KindCommitted {
		if leads, err := leadsTo(ctx, s, chain, rootfs); err != nil || leads {
			return err
		}
		// A copy, made by an earlier version. It stays as long as there are records of containers that used it.
		if err := s.Remove(ctx, chain); err != nil {
			if errdefs.IsFailedPrecondition(err) {
				return nil
			}
			return err
		}
	}
	key := "import-" + chain
	if err := s.Remove(ctx, key); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	mounts, err := s.Prepare(ctx, key, "")
	if err != nil {
		return err
	}
	if len(mounts) != 1 || mounts[0].Type != "bind" {
		return fmt.Errorf("expected a snapshot in a directory, found %v", mounts)
	}
	if err := link(mounts[0].Source, rootfs); err != nil {
		return err
	}
	return s.Commit(ctx, chain, key)
}

// leadsTo says whether a snapshot's directory is a link to rootfs.
func leadsTo(ctx context.Context, s snapshots.Snapshotter, chain, rootfs string) (bool, error) {
	key := "look-" + chain
	if err := s.Remove(ctx, key); err != nil && !errdefs.IsNotFound(err) {
		return false, err
	}
	mounts, err := s.View(ctx, key, chain)
	if err != nil {
		// Its directory leads nowhere.
		return false, nil
	}
	target, _ := os.Readlink(mounts[0].Source)
	return target == rootfs, s.Remove(ctx, key)
}

// link replaces an empty directory by a symbolic link, which is on the disk then.
func link(directory, target string) error {
	if err := os.Remove(directory); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, directory); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(directory))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

// read reads a JSON file; returns its descriptor and its text.
func read(path, mediaType string, into any) (ocispec.Descriptor, []byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return ocispec.Descriptor{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	descriptor := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	return descriptor, text, nil
}

// write stores a blob with labels, also if it is there already.
func write(ctx context.Context, store content.Store, of ocispec.Descriptor, text []byte, labels map[string]string) error {
	if err := content.WriteBlob(ctx, store, of.Digest.String(), bytes.NewReader(text), of, content.WithLabels(labels)); err != nil {
		return err
	}
	_, err := store.Update(ctx, content.Info{Digest: of.Digest, Labels: labels}, "labels")
	return err
}

// forgetOthers removes the records of images of ours that are not present.
func forgetOthers(ctx context.Context, c *client.Client, present map[string]bool) error {
	known, err := c.ImageService().List(ctx)
	if err != nil {
		return err
	}
	for _, image := range known {
		if strings.HasPrefix(image.Name, registry) && !present[image.Name] {
			if err := c.ImageService().Delete(ctx, image.Name); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}
