//! The routes of the shop.

pub(crate) const ROUTES: [(&str, &str); 12] = [
    ("POST", "/orders"),
    ("GET", "/orders/17"),
    ("GET", "/cart"),
    ("PUT", "/wishlist"),
    ("GET", "/users/42"),
    ("POST", "/login"),
    ("GET", "/search"),
    ("GET", "/products/9"),
    ("POST", "/payments"),
    ("GET", "/invoices/3"),
    ("DELETE", "/sessions/5"),
    ("GET", "/stock"),
];
