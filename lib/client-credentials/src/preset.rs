//! What is known of servers that many people meet.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::{BasicEncoding, BodyFormat, ClientAuthentication, Error, TokenRequest};

/// How one kind of server wants to be asked: plain data, which [`ClientBuilder::preset`](crate::ClientBuilder::preset) copies. It
/// serializes, so that a program can print it.
///
/// ```
/// use client_credentials::Preset;
///
/// # fn main() -> Result<(), serde_json::Error> {
/// println!("{}", serde_json::to_string_pretty(Preset::ALL)?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preset {
    /// For people.
    pub name: &'static str,
    /// How the client shows who it is.
    pub authentication: ClientAuthentication,
    /// How the body is written; never [`BodyFormat::Auto`].
    pub body_format: BodyFormat,
    /// Whether a success may come as a form instead of JSON, as from servers that overlook `Accept`.
    pub form_answer: bool,
    /// Whether assertions are for the token endpoint ([`AssertionAudience::TokenEndpoint`](crate::AssertionAudience::TokenEndpoint)) also where
    /// the issuer is known.
    pub audience_is_token_endpoint: bool,
    /// Whether the issuer may have a slash at the end more or less than what was asked for
    /// ([`allow_issuer_slash`](crate::ClientBuilder::allow_issuer_slash)).
    pub issuer_slash: bool,
    /// What a request has to have.
    pub needs: Needs,
    /// What else is good to know.
    pub notes: &'static str,
}

/// Something without which a kind of server gives no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing in particular.
    Nothing,
    /// [`audience`](crate::ClientBuilder::audience), or a resource.
    Audience,
    /// A [`scope`](crate::ClientBuilder::scope) that ends with `/.default`.
    DefaultScope,
}

const POST: ClientAuthentication = ClientAuthentication::SecretPost;
const RAW: ClientAuthentication = ClientAuthentication::SecretBasic(BasicEncoding::Raw);
const ENCODED: ClientAuthentication = ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded);

const fn form(name: &'static str, authentication: ClientAuthentication, notes: &'static str) -> Preset {
    Preset {
        name,
        authentication,
        body_format: BodyFormat::Form,
        form_answer: false,
        audience_is_token_endpoint: false,
        issuer_slash: false,
        needs: Needs::Nothing,
        notes,
    }
}

impl Preset {
    #[doc = include_str!("../docs/presets/rfc-6749.md")]
    pub const RFC_6749: Self = form("RFC 6749", POST, "Any server that follows the standard.");

    #[doc = include_str!("../docs/presets/json-only.md")]
    pub const JSON_ONLY: Self = Self {
        body_format: BodyFormat::Json,
        ..form("JSON only", POST, "For services whose token endpoint takes only application/json, such as Airbyte's. Resources are a list.")
    };

    #[doc = include_str!("../docs/presets/auth0.md")]
    pub const AUTH0: Self = Self {
        needs: Needs::Audience,
        ..form(
            "Auth0",
            POST,
            "The audience is the identifier of the API. The endpoint is https://TENANT.auth0.com/oauth/token, or a domain of your own.",
        )
    };

    #[doc = include_str!("../docs/presets/entra-id.md")]
    pub const ENTRA_ID: Self = Self {
        needs: Needs::DefaultScope,
        ..form(
            "Entra ID",
            POST,
            "For endpoints of version 2. The scope is the application's identifier followed by /.default. Endpoints of version 1 want a \
             resource: use the preset RFC 6749.",
        )
    };

    #[doc = include_str!("../docs/presets/entra-id-certificate.md")]
    pub const ENTRA_ID_CERTIFICATE: Self = Self {
        audience_is_token_endpoint: true,
        needs: Needs::DefaultScope,
        ..form(
            "Entra ID certificate",
            ClientAuthentication::PrivateKeyJwt,
            "As Entra ID, with a certificate in place of the secret: give the key its certificate with SigningKey::certificate. Assertions are \
             for the token endpoint.",
        )
    };

    #[doc = include_str!("../docs/presets/okta.md")]
    pub const OKTA: Self = form(
        "Okta",
        POST,
        "For custom authorization servers, with a scope. Okta's own management API takes only private_key_jwt: use the preset Okta org.",
    );

    #[doc = include_str!("../docs/presets/okta-org.md")]
    pub const OKTA_ORG: Self = Self {
        audience_is_token_endpoint: true,
        ..form(
            "Okta org",
            ClientAuthentication::PrivateKeyJwt,
            "For Okta's own management API. The endpoint is https://DOMAIN/oauth2/v1/token, scopes begin with okta., and apps that were made \
             with the default settings want dpop() as well.",
        )
    };

    #[doc = include_str!("../docs/presets/keycloak.md")]
    pub const KEYCLOAK: Self = form(
        "Keycloak",
        ENCODED,
        "Keycloak decodes what stands in the Basic header, so a + in the secret has to be encoded. The endpoint ends with \
         /realms/REALM/protocol/openid-connect/token.",
    );

    #[doc = include_str!("../docs/presets/cognito.md")]
    pub const COGNITO: Self = form(
        "Cognito",
        POST,
        "The endpoint is https://DOMAIN/oauth2/token. Basic is taken as well, but secrets may have a +, which the documentation does not \
         encode.",
    );

    #[doc = include_str!("../docs/presets/github-like.md")]
    pub const GITHUB_LIKE: Self = Self {
        form_answer: true,
        ..form("GitHub-like", POST, "Errors come with HTTP 200, and answers as a form where Accept is overlooked; both are understood.")
    };

    #[doc = include_str!("../docs/presets/google-mcp.md")]
    pub const GOOGLE_MCP: Self = Self {
        issuer_slash: true,
        ..form(
            "Google MCP",
            POST,
            "For servers of the Model Context Protocol that are found by discovery and whose issuer is written with a slash in one place and \
             without it in another. They want the resource.",
        )
    };

    #[doc = include_str!("../docs/presets/kanidm.md")]
    pub const KANIDM: Self = form(
        "kanidm",
        RAW,
        "kanidm decodes no Basic header, and refused the secret in the body in 1.7. Releases up to 1.10.4 label JSON errors as text/plain, \
         which is read all the same.",
    );

    #[doc = include_str!("../docs/presets/oidc-provider.md")]
    pub const OIDC_PROVIDER: Self = form(
        "oidc-provider",
        POST,
        "Every client has one authentication method, and the others are refused: set it with authentication() if it is not \
         client_secret_post. At most one resource.",
    );

    #[doc = include_str!("../docs/presets/raw-basic.md")]
    pub const RAW_BASIC: Self = form(
        "Raw Basic",
        RAW,
        "For servers made with Authlib, @node-oauth/oauth2-server, oxide-auth or rauthy, which decode no Basic header.",
    );

    #[doc = include_str!("../docs/presets/django-oauth-toolkit.md")]
    pub const DJANGO_OAUTH_TOOLKIT: Self = form(
        "django-oauth-toolkit",
        POST,
        "The endpoint ends with a slash (/o/token/). With the back end JSONOAuthLibCore it takes only JSON: use the preset JSON only.",
    );

    /// All of them.
    pub const ALL: &[Self] = &[
        Self::RFC_6749,
        Self::JSON_ONLY,
        Self::AUTH0,
        Self::ENTRA_ID,
        Self::ENTRA_ID_CERTIFICATE,
        Self::OKTA,
        Self::OKTA_ORG,
        Self::KEYCLOAK,
        Self::COGNITO,
        Self::GITHUB_LIKE,
        Self::GOOGLE_MCP,
        Self::KANIDM,
        Self::OIDC_PROVIDER,
        Self::RAW_BASIC,
        Self::DJANGO_OAUTH_TOOLKIT,
    ];

    pub(crate) fn check(&self, request: &TokenRequest) -> Result<(), Error> {
        let missing = match self.needs {
            Needs::Audience if request.audience.is_none() && request.resources.is_empty() => "an audience: set it with audience()",
            Needs::DefaultScope if !request.scopes.iter().any(|scope| scope.ends_with("/.default")) => {
                "a scope that ends with /.default: set it with scope()"
            }
            _ => return Ok(()),
        };
        Err(Error::configuration(format!("{} wants {missing}", self.name)))
    }
}

impl Serialize for Preset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let basic_encoding = match self.authentication {
            ClientAuthentication::SecretBasic(BasicEncoding::FormUrlEncoded) => Some("form-urlencoded"),
            ClientAuthentication::SecretBasic(BasicEncoding::Raw) => Some("raw"),
            _ => None,
        };
        let body_format = match self.body_format {
            BodyFormat::Auto => "auto",
            BodyFormat::Json => "json",
            BodyFormat::Form => "form",
        };
        let needs = match self.needs {
            Needs::Nothing => None,
            Needs::Audience => Some("audience or resource"),
            Needs::DefaultScope => Some("scope ending with /.default"),
        };
        let mut data = serializer.serialize_struct("Preset", 9)?;
        data.serialize_field("name", self.name)?;
        data.serialize_field("authentication", self.authentication.name())?;
        data.serialize_field("basic_encoding", &basic_encoding)?;
        data.serialize_field("body_format", body_format)?;
        data.serialize_field("form_answer", &self.form_answer)?;
        data.serialize_field("audience_is_token_endpoint", &self.audience_is_token_endpoint)?;
        data.serialize_field("issuer_slash", &self.issuer_slash)?;
        data.serialize_field("needs", &needs)?;
        data.serialize_field("notes", self.notes)?;
        data.end()
    }
}
