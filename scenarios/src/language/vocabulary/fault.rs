//! What a CA's fault rules are about, and what becomes of resources.

choices! {
    /// A kind of resource, named as in the directory if it is there (RFC 8555 §7.1.1).
    pub enum Endpoint("an endpoint") {
        /// The directory.
        "directory" => Directory,
        /// New nonces.
        "newNonce" => NewNonce,
        /// New accounts, and the search for one by its key.
        "newAccount" => NewAccount,
        /// New orders.
        "newOrder" => NewOrder,
        /// New authorizations before there is an order.
        "newAuthz" => NewAuthorization,
        /// Revocation.
        "revokeCert" => RevokeCert,
        /// Key rollover.
        "keyChange" => KeyChange,
        /// Renewal information (RFC 9773).
        "renewalInfo" => RenewalInfo,
        /// An account.
        "account" => Account,
        /// An account's list of orders.
        "orders" => Orders,
        /// An order.
        "order" => Order,
        /// An order's finalization.
        "finalize" => Finalize,
        /// An authorization.
        "authorization" => Authorization,
        /// A challenge.
        "challenge" => Challenge,
        /// A certificate's download.
        "certificate" => Certificate,
    }

    /// What the CA makes of a resource on its own.
    pub enum ForcedState("a state to force") {
        /// Of an authorization: the CA knows by other means than a challenge that the account controls the name.
        "valid" => Valid,
        /// Of an order or an authorization.
        "invalid" => Invalid,
        /// Of an order, which is then invalid, or of an authorization.
        "expired" => Expired,
        /// Of an authorization or an account.
        "deactivated" => Deactivated,
        /// Of a certificate.
        "revoked" => Revoked,
    }
}
