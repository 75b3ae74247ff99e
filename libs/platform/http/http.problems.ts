import { defineProblems } from '#kernel';

/** What the HTTP edge itself can answer with, before and beside any feature. */
export const httpProblems = defineProblems({
  VALIDATION_FAILED: { status: 400, title: 'The request has wrong fields', retry: 'after-change' },
  MALFORMED_JSON: { status: 400, title: 'The body is not JSON', retry: 'after-change' },
  MALFORMED_REQUEST: { status: 400, title: 'The request is not well-formed HTTP', retry: 'after-change' },
  NOT_FOUND: { status: 404, title: 'There is nothing here', retry: 'no' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This path does not take this method', retry: 'after-change' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request did not arrive in time', retry: 'later' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large', retry: 'after-change' },
  URL_TOO_LONG: { status: 414, title: 'The URL is too long', retry: 'after-change' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body has a media type that is not taken', retry: 'after-change' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The request headers are too large', retry: 'after-change' },
  INTERNAL: { status: 500, title: 'Something went wrong on our side', retry: 'later' },
  OVERLOADED: { status: 503, title: 'Too many requests at the moment', retry: 'later' },
  UNAVAILABLE: { status: 503, title: 'A part of the platform cannot be reached', retry: 'later' },
});
