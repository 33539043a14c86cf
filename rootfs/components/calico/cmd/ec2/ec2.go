// Package ec2 stands in for the client of Amazon's EC2 service: 20 MB, of which Felix uses two calls, for a setting that
// only matters to pods whose packets are not encapsulated. Here both fail.
package ec2

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

var errAbsent = errors.New("the EC2 client is not part of this build")

// Options of the client.
type Options struct{ Region string }

// Client of nothing.
type Client struct{}

// DescribeInstancesInput names instances.
type DescribeInstancesInput struct{ InstanceIds []string }

// DescribeInstancesOutput is never returned.
type DescribeInstancesOutput struct{ Reservations []types.Reservation }

// ModifyNetworkInterfaceAttributeInput is a change of a network interface.
type ModifyNetworkInterfaceAttributeInput struct {
	NetworkInterfaceId *string
	SourceDestCheck    *types.AttributeBooleanValue
}

// ModifyNetworkInterfaceAttributeOutput is never returned.
type ModifyNetworkInterfaceAttributeOutput struct{}

// NewFromConfig returns a client.
func NewFromConfig(any, ...func(*Options)) *Client { return &Client{} }

// DescribeInstances fails.
func (*Client) DescribeInstances(
	context.Context, *DescribeInstancesInput, ...func(*Options),
) (*DescribeInstancesOutput, error) {
	return nil, errAbsent
}

// ModifyNetworkInterfaceAttribute fails.
func (*Client) ModifyNetworkInterfaceAttribute(
	context.Context, *ModifyNetworkInterfaceAttributeInput, ...func(*Options),
) (*ModifyNetworkInterfaceAttributeOutput, error) {
	return nil, errAbsent
}
