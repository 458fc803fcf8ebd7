/**
 * Headers in which proxies and login proxies state who the client is, what its certificate is, or what it has asked
 * for. Services behind such a proxy believe them, so a client's own copies must not pass, on open routes either. Beside
 * the fields of `FORWARDED_NAMES`, which the gateway writes itself. They are the fields of Traefik, Envoy, nginx and
 * its ingress, oauth2-proxy, Vouch, Pomerium, Authelia, authentik, Kong, Grafana, Kubernetes, Tailscale, Cloudflare,
 * Fly.io, AWS, Google and Azure.
 */
const CLAIM = new RegExp(
  `^(?:${[
    'x-(?:forwarded|auth-request|ssl|client-cert|client-verify|client-dn|remote|webauth|authentik|envoy|vouch|pomerium)(?:$|-)',
    'x-(?:original-(?:uri|method|host|proto|scheme|forwarded-for|remote-addr)|host|client-ip|cluster-client-ip|originating-ip|azure-clientip|azure-socketip)$',
    'x-(?:http-host-override|host-override|script-name|(?:url-)?scheme|proxyuser-ip|true-client-ip|http-(?:x-)?forwarded-for)$',
    'x-(?:consumer-(?:id|custom-id|username|groups)|credential-identifier|anonymous-consumer|userinfo)$',
    'x-(?:authenticated-(?:userid|scope|user|groups)|appengine-user-ip|arr-(?:clientcert|ssl|log-id))$',
    'x-(?:amzn-(?:oidc|mtls)|goog-authenticated-user|ms-client-principal)(?:$|-)',
    '(?:client-cert|ssl-client|ssl-server|cf-access|cf-connecting|tailscale-user)(?:$|-)',
    '(?:remote-(?:user|groups?|name|email|addr)|forwarded-(?:for|host|proto|by)|script-name|url-scheme|auth-user|client-ip|fastly-client-ip|fly-client-ip|front-end-https)$',
    // CGI gives a script the field Proxy as HTTP_PROXY, through which many libraries then send their own requests
    // (httpoxy)
    '(?:wl-)?proxy-(?:client-ip|ssl|remote-user)$|proxy$',
  ].join('|')})`,
)

/**
 * Whether a header is one that only a trusted proxy may state.
 * @param name  in lower case, plain (see `plainName`)
 */
export function isProxyClaim(name: string): boolean {
  switch (name.charCodeAt(0)) {
    // the first letters of all of them: a look spares most headers the pattern
    case 97:
    case 99:
    case 102:
    case 112:
    case 114:
    case 115:
    case 116:
    case 117:
    case 119:
    case 120:
      return CLAIM.test(name)
    default:
      return false
  }
}
