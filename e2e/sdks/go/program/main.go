// A program that does with the official Go SDK what its standard input asks, one JSON object a line, and answers on
// its standard output with the same id; what the SDK reports by itself comes as lines with an "event".
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.ngrok.com/ngrok/v2"
	"golang.ngrok.com/ngrok/v2/rpc"
)

type request struct {
	ID string `json:"id"`
	Op string `json:"op"`

	// connect
	Server      string `json:"server"`
	CA          string `json:"ca"`
	Token       string `json:"token"`
	Metadata    string `json:"metadata"`
	HeartbeatMs int64  `json:"heartbeatMs"`
	ToleranceMs int64  `json:"toleranceMs"`
	TimeoutMs   int64  `json:"timeoutMs"`
	// URL of a SOCKS proxy to dial through.
	Proxy string `json:"proxy"`
	// Whether commands of the server are followed; absent: yes.
	HandlesCommands *bool `json:"handlesCommands"`

	// forward, echo, close
	Name             string   `json:"name"`
	URL              string   `json:"url"`
	Upstream         string   `json:"upstream"`
	Protocol         string   `json:"protocol"`
	ProxyProto       string   `json:"proxyProto"`
	Policy           string   `json:"policy"`
	Description      string   `json:"description"`
	Bindings         []string `json:"bindings"`
	Pooling          bool     `json:"pooling"`
	VerifiesUpstream *bool    `json:"verifiesUpstream"`
	Certificate      string   `json:"certificate"`
	Key              string   `json:"key"`
}

type answer struct {
	ID        string `json:"id,omitempty"`
	Event     string `json:"event,omitempty"`
	URL       string `json:"url,omitempty"`
	LatencyUs int64  `json:"latencyUs,omitempty"`
	Error     string `json:"error,omitempty"`
	Code      string `json:"code,omitempty"`
}

var (
	output    = json.NewEncoder(os.Stdout)
	outputMu  sync.Mutex
	agent     ngrok.Agent
	endpoints sync.Map
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, "not a request:", err)
			os.Exit(1)
		}
		if asked.Op == "connect" {
			reply(asked.ID, "", connect(asked))
			continue
		}
		go serve(asked)
	}
	if agent != nil {
		_ = agent.Disconnect()
	}
}

func serve(asked request) {
	switch asked.Op {
	case "forward":
		url, err := forward(asked)
		reply(asked.ID, url, err)
	case "echo":
		url, err := listenAndEcho(asked)
		reply(asked.ID, url, err)
	case "close":
		reply(asked.ID, "", closeEndpoint(asked.Name))
	case "disconnect":
		reply(asked.ID, "", agent.Disconnect())
	default:
		reply(asked.ID, "", fmt.Errorf("no such op: %s", asked.Op))
	}
}

func connect(asked request) error {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(asked.CA)) {
		return errors.New("no certificate in ca")
	}
	options := []ngrok.AgentOption{
		ngrok.WithAgentConnectURL(asked.Server),
		ngrok.WithAgentConnectCAs(pool),
		ngrok.WithAuthtoken(asked.Token),
		ngrok.WithAgentMetadata(asked.Metadata),
		ngrok.WithEventHandler(report),
	}
	if asked.HandlesCommands == nil || *asked.HandlesCommands {
		options = append(options,
			ngrok.WithRPCHandler(func(_ context.Context, _ ngrok.AgentSession, command rpc.Request) ([]byte, error) {
				write(answer{Event: command.Method()})
				return nil, nil
			}))
	}
	if asked.Proxy != "" {
		options = append(options, ngrok.WithProxyURL(asked.Proxy))
	}
	if asked.HeartbeatMs > 0 {
		options = append(options,
			ngrok.WithHeartbeatInterval(time.Duration(asked.HeartbeatMs)*time.Millisecond),
			ngrok.WithHeartbeatTolerance(time.Duration(asked.ToleranceMs)*time.Millisecond))
	}
	made, err := ngrok.NewAgent(options...)
	if err != nil {
		return err
	}
	// The SDK tries for ever, with a bad token too: only the caller's patience ends it.
	patience := time.Duration(asked.TimeoutMs) * time.Millisecond
	if patience == 0 {
		patience = 20 * time.Second
	}
	// And the context of Connect lives as long as the session.
	ctx, cancel := context.WithCancel(context.Background())
	timer := time.AfterFunc(patience, cancel)
	if err := made.Connect(ctx); err != nil {
		cancel()
		return err
	}
	timer.Stop()
	agent = made
	return nil
}

func report(event ngrok.Event) {
	switch each := event.(type) {
	case *ngrok.EventAgentConnectSucceeded:
		write(answer{Event: "connected"})
	case *ngrok.EventAgentDisconnected:
		text := ""
		if each.Error != nil {
			text = each.Error.Error()
		}
		write(answer{Event: "disconnected", Error: text})
	case *ngrok.EventAgentHeartbeatReceived:
		write(answer{Event: "heartbeat", LatencyUs: each.Latency.Microseconds()})
	}
}

func endpointOptions(asked request) ([]ngrok.EndpointOption, error) {
	options := []ngrok.EndpointOption{}
	if asked.URL != "" {
		options = append(options, ngrok.WithURL(asked.URL))
	}
	if asked.Metadata != "" {
		options = append(options, ngrok.WithMetadata(asked.Metadata))
	}
	if asked.Description != "" {
		options = append(options, ngrok.WithDescription(asked.Description))
	}
	if asked.Policy != "" {
		options = append(options, ngrok.WithTrafficPolicy(asked.Policy))
	}
	if len(asked.Bindings) > 0 {
		options = append(options, ngrok.WithBindings(asked.Bindings...))
	}
	if asked.Pooling {
		options = append(options, ngrok.WithPoolingEnabled(true))
	}
	if asked.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(asked.Certificate), []byte(asked.Key))
		if err != nil {
			return nil, err
		}
		options = append(options, ngrok.WithAgentTLSTermination(&tls.Config{Certificates: []tls.Certificate{pair}}))
	}
	return options, nil
}

func forward(asked request) (string, error) {
	options, err := endpointOptions(asked)
	if err != nil {
		return "", err
	}
	upstream := []ngrok.UpstreamOption{}
	if asked.Protocol != "" {
		upstream = append(upstream, ngrok.WithUpstreamProtocol(asked.Protocol))
	}
	if asked.ProxyProto != "" {
		upstream = append(upstream, ngrok.WithUpstreamProxyProto(ngrok.ProxyProtoVersion(asked.ProxyProto)))
	}
	if asked.VerifiesUpstream != nil {
		upstream = append(upstream,
			ngrok.WithUpstreamTLSClientConfig(&tls.Config{InsecureSkipVerify: !*asked.VerifiesUpstream}))
	}
	endpoint, err := agent.Forward(context.Background(), ngrok.WithUpstream(asked.Upstream, upstream...), options...)
	if err != nil {
		return "", err
	}
	endpoints.Store(asked.Name, endpoint)
	go func() {
		<-endpoint.Done()
		write(answer{Event: "ended " + asked.Name})
	}()
	return endpoint.URL().String(), nil
}

// Gives back what it is sent and ends its side when the other has: as a net.Listener, half-close works.
func listenAndEcho(asked request) (string, error) {
	options, err := endpointOptions(asked)
	if err != nil {
		return "", err
	}
	endpoint, err := agent.Listen(context.Background(), options...)
	if err != nil {
		return "", err
	}
	endpoints.Store(asked.Name, endpoint)
	go func() {
		for {
			conn, err := endpoint.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				sent, _ := io.ReadAll(conn)
				_, _ = conn.Write(append([]byte("read to the end: "), sent...))
			}()
		}
	}()
	return endpoint.URL().String(), nil
}

func closeEndpoint(name string) error {
	found, ok := endpoints.LoadAndDelete(name)
	if !ok {
		return fmt.Errorf("no endpoint %s", name)
	}
	return found.(ngrok.Endpoint).Close()
}

func reply(id string, url string, err error) {
	said := answer{ID: id, URL: url}
	if err != nil {
		said.Error = err.Error()
		var coded ngrok.Error
		if errors.As(err, &coded) {
			said.Code = coded.Code()
		}
	}
	write(said)
}

func write(said answer) {
	outputMu.Lock()
	defer outputMu.Unlock()
	_ = output.Encode(said)
}
