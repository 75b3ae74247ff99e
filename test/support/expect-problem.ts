import type { Response } from 'supertest';
import { expect } from 'vitest';

type ErrorBody = {
  error: { code: string; message: string; details?: { errors?: unknown } };
  detail: string;
  errors?: { field: string; message: string }[];
};

/** Holds a refusal to its status and code and, when given, to the fields it names: all of them and no others. */
export function expectProblem(response: Response, status: number, code: string, fields?: readonly string[]): ErrorBody {
  const body = response.body as ErrorBody;
  const seen = `${response.status} ${JSON.stringify(body).slice(0, 500)}`;
  expect({ status: response.status, code: body.error?.code }, seen).toEqual({ status, code });
  if (fields !== undefined) {
    expect((body.errors ?? []).map(({ field }) => field).sort(), seen).toEqual([...fields].sort());
    expect(body.error.details?.errors, seen).toEqual(body.errors);
  }
  expect(body.detail.length, seen).toBeGreaterThan(10);
  return body;
}

/** The `data` of a success. */
export function dataOf<T = Record<string, unknown>>(response: Response): T {
  expect(response.status, JSON.stringify(response.body).slice(0, 500)).toBe(200);
  return (response.body as { data: T }).data;
}
