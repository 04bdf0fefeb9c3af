// Drives the REST API through the unmodified ngrok-api-go and prints one line for each resource that came through:
// made twice, read, listed by pages of one, changed and removed.
package main

import (
	"context"
	"fmt"
	"os"
	"reflect"

	"github.com/ngrok/ngrok-api-go/v8"
	"github.com/ngrok/ngrok-api-go/v8/api_keys"
	"github.com/ngrok/ngrok-api-go/v8/bot_users"
	"github.com/ngrok/ngrok-api-go/v8/certificate_authorities"
	"github.com/ngrok/ngrok-api-go/v8/credentials"
	"github.com/ngrok/ngrok-api-go/v8/endpoints"
	"github.com/ngrok/ngrok-api-go/v8/event_destinations"
	"github.com/ngrok/ngrok-api-go/v8/event_sources"
	"github.com/ngrok/ngrok-api-go/v8/event_subscriptions"
	"github.com/ngrok/ngrok-api-go/v8/ip_policies"
	"github.com/ngrok/ngrok-api-go/v8/ip_policy_rules"
	"github.com/ngrok/ngrok-api-go/v8/ip_restrictions"
	"github.com/ngrok/ngrok-api-go/v8/reserved_addrs"
	"github.com/ngrok/ngrok-api-go/v8/reserved_domains"
	"github.com/ngrok/ngrok-api-go/v8/secrets"
	"github.com/ngrok/ngrok-api-go/v8/service_users"
	"github.com/ngrok/ngrok-api-go/v8/tls_certificates"
	"github.com/ngrok/ngrok-api-go/v8/tunnel_sessions"
	"github.com/ngrok/ngrok-api-go/v8/tunnels"
	"github.com/ngrok/ngrok-api-go/v8/vaults"
)

var ctx = context.Background()

func check(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}

func must(what string, ok bool) {
	if !ok {
		fmt.Fprintln(os.Stderr, what)
		os.Exit(1)
	}
}

func idOf(item any) string { return reflect.ValueOf(item).Elem().FieldByName("ID").String() }

// All ids that a list gives, following its pages.
func ids[T any](what string, list ngrok.Iter[*T]) map[string]bool {
	seen := map[string]bool{}
	for list.Next(ctx) {
		must(what+": listed twice", !seen[idOf(list.Item())])
		seen[idOf(list.Item())] = true
	}
	check(what, list.Err())
	return seen
}

func one(limit string) *ngrok.FilteredPaging { return &ngrok.FilteredPaging{Limit: &limit} }

func plain(limit string) *ngrok.Paging { return &ngrok.Paging{Limit: &limit} }

// `client` has Create, Get, List, Update and Delete; the items are what they return.
func life[T, C, U any](what string, client interface {
	Create(context.Context, *C) (*T, error)
	Get(context.Context, string) (*T, error)
	Update(context.Context, *U) (*T, error)
	Delete(context.Context, string) error
}, list func() ngrok.Iter[*T], first, second *C, update func(id string) *U) {
	a, err := client.Create(ctx, first)
	check(what+" create", err)
	b, err := client.Create(ctx, second)
	check(what+" create", err)
	_, err = client.Get(ctx, idOf(a))
	check(what+" get", err)
	seen := ids(what+" list", list())
	must(what+": not all are listed", seen[idOf(a)] && seen[idOf(b)])
	_, err = client.Update(ctx, update(idOf(a)))
	check(what+" update", err)
	check(what+" delete", client.Delete(ctx, idOf(a)))
	check(what+" delete", client.Delete(ctx, idOf(b)))
	_, err = client.Get(ctx, idOf(a))
	must(what+": still there", ngrok.IsNotFound(err))
	must(what+": no operation id", err.(*ngrok.Error).OperationID() != "")
	fmt.Println(what)
}

func main() {
	config := ngrok.NewClientConfig(os.Getenv("API_KEY"), ngrok.WithBaseURL(os.Getenv("API_URL")))
	changed := ngrok.String("changed")

	keys := api_keys.NewClient(config)
	life("api_keys", keys, func() ngrok.Iter[*ngrok.APIKey] { return keys.List(one("1")) },
		&ngrok.APIKeyCreate{Description: "a"}, &ngrok.APIKeyCreate{},
		func(id string) *ngrok.APIKeyUpdate { return &ngrok.APIKeyUpdate{ID: id, Description: changed} })

	creds := credentials.NewClient(config)
	life("credentials", creds, func() ngrok.Iter[*ngrok.Credential] { return creds.List(one("1")) },
		&ngrok.CredentialCreate{ACL: []string{"bind:*"}}, &ngrok.CredentialCreate{},
		func(id string) *ngrok.CredentialUpdate { return &ngrok.CredentialUpdate{ID: id, Description: changed} })

	certs := tls_certificates.NewClient(config)
	pair := &ngrok.TLSCertificateCreate{CertificatePEM: os.Getenv("CHAIN"), PrivateKeyPEM: os.Getenv("KEY")}
	life("tls_certificates", certs, func() ngrok.Iter[*ngrok.TLSCertificate] { return certs.List(one("1")) },
		pair, pair,
		func(id string) *ngrok.TLSCertificateUpdate {
			return &ngrok.TLSCertificateUpdate{ID: id, Metadata: changed}
		})

	cas := certificate_authorities.NewClient(config)
	ca := &ngrok.CertificateAuthorityCreate{CAPEM: os.Getenv("ROOT")}
	life("certificate_authorities", cas,
		func() ngrok.Iter[*ngrok.CertificateAuthority] { return cas.List(one("1")) }, ca, ca,
		func(id string) *ngrok.CertificateAuthorityUpdate {
			return &ngrok.CertificateAuthorityUpdate{ID: id, Metadata: changed}
		})

	domains := reserved_domains.NewClient(config)
	life("reserved_domains", domains, func() ngrok.Iter[*ngrok.ReservedDomain] { return domains.List(one("1")) },
		&ngrok.ReservedDomainCreate{Domain: "go-one.portico.localhost"},
		&ngrok.ReservedDomainCreate{Domain: "go-two.portico.localhost"},
		func(id string) *ngrok.ReservedDomainUpdate {
			return &ngrok.ReservedDomainUpdate{ID: id, Description: changed}
		})
	cert, err := certs.Create(ctx, pair)
	check("tls_certificates", err)
	kept, err := domains.Create(ctx, &ngrok.ReservedDomainCreate{Domain: "kept.portico.localhost", CertificateID: &cert.ID})
	check("reserved_domains with a certificate", err)
	must("reserved_domains: no certificate", kept.Certificate != nil && kept.Certificate.ID == cert.ID)
	check("reserved_domains certificate", domains.DeleteCertificate(ctx, kept.ID))
	check("reserved_domains policy", domains.DeleteCertificateManagementPolicy(ctx, kept.ID))
	check("reserved_domains", domains.Delete(ctx, kept.ID))

	addrs := reserved_addrs.NewClient(config)
	life("reserved_addrs", addrs, func() ngrok.Iter[*ngrok.ReservedAddr] { return addrs.List(one("1")) },
		&ngrok.ReservedAddrCreate{Region: "us"}, &ngrok.ReservedAddrCreate{},
		func(id string) *ngrok.ReservedAddrUpdate {
			return &ngrok.ReservedAddrUpdate{ID: id, Description: changed}
		})

	policies := ip_policies.NewClient(config)
	life("ip_policies", policies, func() ngrok.Iter[*ngrok.IPPolicy] { return policies.List(one("1")) },
		&ngrok.IPPolicyCreate{Description: "a"}, &ngrok.IPPolicyCreate{},
		func(id string) *ngrok.IPPolicyUpdate { return &ngrok.IPPolicyUpdate{ID: id, Description: changed} })
	policy, err := policies.Create(ctx, &ngrok.IPPolicyCreate{})
	check("ip_policies", err)
	filtered := &ngrok.FilteredPaging{Filter: ngrok.String(`obj.id == "` + policy.ID + `"`)}
	must("ip_policies: filter", len(ids("ip_policies filter", policies.List(filtered))) == 1)

	rules := ip_policy_rules.NewClient(config)
	life("ip_policy_rules", rules, func() ngrok.Iter[*ngrok.IPPolicyRule] { return rules.List(one("1")) },
		&ngrok.IPPolicyRuleCreate{IPPolicyID: policy.ID, CIDR: "10.0.0.0/8", Action: ngrok.String("deny")},
		&ngrok.IPPolicyRuleCreate{IPPolicyID: policy.ID, CIDR: "2001:db8::/32"},
		func(id string) *ngrok.IPPolicyRuleUpdate {
			return &ngrok.IPPolicyRuleUpdate{ID: id, CIDR: ngrok.String("10.1.0.0/16")}
		})

	restrictions := ip_restrictions.NewClient(config)
	life("ip_restrictions", restrictions,
		func() ngrok.Iter[*ngrok.IPRestriction] { return restrictions.List(one("1")) },
		&ngrok.IPRestrictionCreate{Type: "endpoints", IPPolicyIDs: []string{policy.ID}},
		&ngrok.IPRestrictionCreate{Type: "dashboard", IPPolicyIDs: []string{policy.ID}},
		func(id string) *ngrok.IPRestrictionUpdate {
			return &ngrok.IPRestrictionUpdate{ID: id, Enforced: ngrok.Bool(false)}
		})

	destinations := event_destinations.NewClient(config)
	target := ngrok.EventTarget{Datadog: &ngrok.EventTargetDatadog{ApiKey: ngrok.String("secret")}}
	destination := &ngrok.EventDestinationCreate{Format: "json", Target: target}
	life("event_destinations", destinations,
		func() ngrok.Iter[*ngrok.EventDestination] { return destinations.List(one("1")) }, destination, destination,
		func(id string) *ngrok.EventDestinationUpdate {
			return &ngrok.EventDestinationUpdate{ID: id, Description: changed}
		})

	subscriptions := event_subscriptions.NewClient(config)
	wanted := &ngrok.EventSubscriptionCreate{Sources: []ngrok.EventSourceReplace{{Type: "vault_created.v0"}}}
	life("event_subscriptions", subscriptions,
		func() ngrok.Iter[*ngrok.EventSubscription] { return subscriptions.List(one("1")) }, wanted, wanted,
		func(id string) *ngrok.EventSubscriptionUpdate {
			return &ngrok.EventSubscriptionUpdate{ID: id, Description: changed}
		})
	subscription, err := subscriptions.Create(ctx, wanted)
	check("event_subscriptions", err)
	sources := event_sources.NewClient(config)
	item := &ngrok.EventSourceItem{SubscriptionID: subscription.ID, Type: "secret_created.v0"}
	_, err = sources.Create(ctx, &ngrok.EventSourceCreate{SubscriptionID: item.SubscriptionID, Type: item.Type})
	check("event_sources create", err)
	list, err := sources.List(ctx, subscription.ID)
	check("event_sources list", err)
	must("event_sources: not listed", len(list.Sources) == 2)
	check("event_sources delete", sources.Delete(ctx, item))
	fmt.Println("event_sources")

	users := service_users.NewClient(config)
	life("service_users", users, func() ngrok.Iter[*ngrok.ServiceUser] { return users.List(one("1")) },
		&ngrok.ServiceUserCreate{Name: "ci"}, &ngrok.ServiceUserCreate{Name: "cd"},
		func(id string) *ngrok.ServiceUserUpdate {
			return &ngrok.ServiceUserUpdate{ID: id, Active: ngrok.Bool(false)}
		})
	bots := bot_users.NewClient(config)
	life("bot_users", bots, func() ngrok.Iter[*ngrok.BotUser] { return bots.List(plain("1")) },
		&ngrok.BotUserCreate{Name: "ci"}, &ngrok.BotUserCreate{Name: "cd"},
		func(id string) *ngrok.BotUserUpdate { return &ngrok.BotUserUpdate{ID: id, Active: ngrok.Bool(false)} })

	safes := vaults.NewClient(config)
	life("vaults", safes, func() ngrok.Iter[*ngrok.Vault] { return safes.List(one("1")) },
		&ngrok.VaultCreate{Name: "go-one"}, &ngrok.VaultCreate{Name: "go-two"},
		func(id string) *ngrok.VaultUpdate { return &ngrok.VaultUpdate{ID: id, Name: ngrok.String("go-three")} })
	vault, err := safes.Create(ctx, &ngrok.VaultCreate{Name: "go-kept"})
	check("vaults", err)
	values := secrets.NewClient(config)
	life("vault_secrets", values, func() ngrok.Iter[*ngrok.Secret] { return values.List(one("1")) },
		&ngrok.SecretCreate{VaultID: vault.ID, Name: "a", Value: "x"},
		&ngrok.SecretCreate{VaultName: vault.Name, Name: "b", Value: "x"},
		func(id string) *ngrok.SecretUpdate { return &ngrok.SecretUpdate{ID: id, Value: ngrok.String("y")} })
	secret, err := values.Create(ctx, &ngrok.SecretCreate{VaultID: vault.ID, Name: "c", Value: "x"})
	check("vault_secrets", err)
	must("vault_secrets: name of the vault", secret.VaultName == vault.Name)
	of := ids("vaults secrets", safes.GetSecretsByVault(vault.ID, plain("1")))
	must("vaults: secrets are not listed", of[secret.ID])

	online := endpoints.NewClient(config)
	found := ids("endpoints", online.List(plain("1")))
	must("endpoints: not one", len(found) == 1)
	for id := range found {
		endpoint, err := online.Get(ctx, id)
		check("endpoints", err)
		must("endpoints: url", endpoint.PublicURL != "" && endpoint.Type == "ephemeral")
	}
	answer := "on_http_request: [{actions: [{type: custom-response, config: {body: hello}}]}]"
	life("endpoints", online, func() ngrok.Iter[*ngrok.Endpoint] { return online.List(plain("1")) },
		&ngrok.EndpointCreate{URL: "https://go-cloud.portico.localhost", Type: "cloud", TrafficPolicy: answer},
		&ngrok.EndpointCreate{URL: "https://go.internal", Type: "cloud", TrafficPolicy: answer, Bindings: []string{"internal"}},
		func(id string) *ngrok.EndpointUpdate {
			return &ngrok.EndpointUpdate{ID: id, Description: changed, PoolingEnabled: ngrok.Bool(true)}
		})
	_, err = online.Create(ctx, &ngrok.EndpointCreate{URL: "https://go.internal", Type: "cloud", TrafficPolicy: "{}"})
	must("endpoints: a policy that answers nothing", ngrok.IsErrorCode(err, 18002))
	must("tunnels: not one", len(ids("tunnels", tunnels.NewClient(config).List(plain("1")))) == 1)
	fmt.Println("tunnels")
	sessions := tunnel_sessions.NewClient(config)
	for id := range ids("tunnel_sessions", sessions.List(one("1"))) {
		_, err := sessions.Get(ctx, id)
		check("tunnel_sessions get", err)
		check("tunnel_sessions stop", sessions.Stop(ctx, id))
	}
	fmt.Println("tunnel_sessions")
}
