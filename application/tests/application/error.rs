//! What each failure is called, outside and in the log.

use std::error::Error;

use fairlead_application::{
    AppError,
    ports::{StoreError, TakenClaim},
};
use fairlead_domain::{
    crm::ContactError,
    kernel::{ErrorKind, Invalid},
};

#[test]
fn every_error_has_a_stable_code_and_a_class() {
    let table = [
        (AppError::from(ContactError::Deleted), ErrorKind::Conflict, "contact.deleted"),
        (Invalid::new("email.invalid", "x").into(), ErrorKind::Invalid, "email.invalid"),
        (AppError::Taken { scope: "contact.email".into() }, ErrorKind::Conflict, "contact.email_taken"),
        (AppError::Stale { demanded: 1, actual: 2 }, ErrorKind::Stale, "version.stale"),
        (AppError::SubjectErased, ErrorKind::Conflict, "subject.erased"),
        (AppError::Contended, ErrorKind::Conflict, "version.contended"),
        (AppError::Unforeseen, ErrorKind::Conflict, "version.contended"),
        (AppError::Forbidden { permission: "contacts:read" }, ErrorKind::Forbidden, "access.forbidden"),
        (AppError::OutOfReach, ErrorKind::Forbidden, "access.out_of_reach"),
        (AppError::HeldBack, ErrorKind::TooMany, "organization.backlog"),
        (AppError::KeyReused, ErrorKind::Invalid, "idempotency.key_reused"),
        (AppError::KeyInProgress, ErrorKind::Conflict, "idempotency.in_progress"),
        (AppError::StateTooLarge { size: 2, limit: 1 }, ErrorKind::Invalid, "state.too_large"),
        (AppError::NotYetVisible, ErrorKind::Unavailable, "consistency.not_yet_visible"),
        (AppError::Unavailable("down".into()), ErrorKind::Unavailable, "service.unavailable"),
        (AppError::internal("bug"), ErrorKind::Internal, "service.internal"),
    ];
    for (error, kind, code) in table {
        assert_eq!((error.kind(), error.code().as_str()), (kind, code));
    }
}

#[test]
fn an_error_says_what_to_do_or_what_is_so() {
    for (error, sentence) in [
        (AppError::from(ContactError::Deleted), "the contact is deleted; restore it first"),
        (AppError::Taken { scope: "contact.email".into() }, "contact's email is already in use"),
        (AppError::Stale { demanded: 1, actual: 2 }, "the record is at version 2, not at 1; read it again"),
        (AppError::Forbidden { permission: "contacts:read" }, "this needs the permission contacts:read"),
    ] {
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn the_cause_of_a_fault_is_for_the_log_alone() {
    for error in [AppError::internal("secret"), AppError::Unavailable("secret".into())] {
        assert!(!error.to_string().contains("secret"));
        assert_eq!(error.source().unwrap().to_string(), "secret");
    }
}

#[test]
fn what_a_store_says_is_told_in_the_application_s_words() {
    let claim = TakenClaim { stream: uuid::Uuid::nil(), scope: "contact.email".into() };
    let table = [
        (StoreError::Stale { streams: vec![] }, "version.contended"),
        (StoreError::Taken { claims: vec![claim] }, "contact.email_taken"),
        (StoreError::Erased { subjects: vec![] }, "subject.erased"),
        (StoreError::KeyInProgress, "idempotency.in_progress"),
        (StoreError::Unavailable("down".into()), "service.unavailable"),
        (StoreError::Internal("bug".into()), "service.internal"),
    ];
    for (error, code) in table {
        assert_eq!(AppError::from(error).code(), code);
    }
}
