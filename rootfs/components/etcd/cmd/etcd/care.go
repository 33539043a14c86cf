package main

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// longest is how long a pass over the whole database may take.
const longest = time.Hour

// defrag writes the database anew without what was deleted. etcd does nothing else meanwhile.
func defrag(flags map[string]string) error {
	client, address, err := connect(flags)
	if err != nil {
		return err
	}
	defer client.Close()
	limit, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	before, after, err := defragment(limit, client, address)
	if err != nil {
		return err
	}
	fmt.Printf("the database had %s and has %s\n", mebibytes(before), mebibytes(after))
	return nil
}

// disarm lifts the alarms with which etcd refuses changes, once there is room for them again: without the history and
// defragmented the database must be below its quota, or the alarm would come back at once.
func disarm(flags map[string]string) error {
	client, address, err := connect(flags)
	if err != nil {
		return err
	}
	defer client.Close()
	limit, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	status, err := client.Status(limit, address)
	if err != nil {
		return err
	}
	// The API server compacts too, but writes first, which the alarm forbids. The history may be gone already.
	if _, err := client.Compact(limit, status.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		fmt.Printf("the history was not dropped (%v); ", err)
	}
	before, after, err := defragment(limit, client, address)
	if err != nil {
		return err
	}
	if quota := status.DbSizeQuota; quota > 0 && after >= quota {
		return fmt.Errorf("the database has %s of at most %s even without its history: raise the quota with "+
			"spec.storage.etcd.extraArgs.quota-backend-bytes of the cluster's config, then delete objects",
			mebibytes(after), mebibytes(quota))
	}
	// A member without a number stands for all alarms.
	answer, err := client.AlarmDisarm(limit, &clientv3.AlarmMember{})
	if err != nil {
		return err
	}
	fmt.Printf("the database had %s and has %s; alarms lifted: %d\n",
		mebibytes(before), mebibytes(after), len(answer.Alarms))
	return nil
}

// defragment returns the length of the database before and after.
func defragment(limit context.Context, client *clientv3.Client, address string) (int64, int64, error) {
	before, err := client.Status(limit, address)
	if err != nil {
		return 0, 0, err
	}
	if _, err := client.Defragment(limit, address); err != nil {
		return 0, 0, err
	}
	after, err := client.Status(limit, address)
	if err != nil {
		return 0, 0, err
	}
	return before.DbSize, after.DbSize, nil
}

// mebibytes returns a length for people.
func mebibytes(bytes int64) string {
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
