import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectConfig, type Config } from '#platform';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OPENED_MAX = 1_000;

/** Encrypts endpoints' secrets under the installation's own (AES-256-GCM), each bound to its endpoint: nonce, tag, text. */
@Injectable()
export class SecretBox {
  private readonly key: Buffer;
  /** By endpoint and what was sealed: a sender needs the same ones again and again. */
  private readonly opened = new Map<string, string>();

  constructor(@InjectConfig() config: Pick<Config, 'secret'>) {
    this.key = Buffer.from(hkdfSync('sha256', config.secret, '', 'c4c webhook secrets', KEY_BYTES));
  }

  seal(secret: string, endpointId: bigint): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce).setAAD(Buffer.from(String(endpointId)));
    const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
  }

  /** @throws when it was sealed for another endpoint, under another secret, or changed since */
  open(box: Buffer, endpointId: bigint): string {
    const nonce = box.subarray(0, NONCE_BYTES);
    const tag = box.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, this.key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(String(endpointId)))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
  }

  /** Undefined when it cannot be opened. */
  tryOpen(box: Buffer, endpointId: bigint): string | undefined {
    const sealed = `${endpointId} ${box.toString('latin1')}`;
    const known = this.opened.get(sealed);
    if (known !== undefined) return known;
    try {
      const secret = this.open(box, endpointId);
      if (this.opened.size >= OPENED_MAX) this.opened.clear();
      this.opened.set(sealed, secret);
      return secret;
    } catch {
      return undefined;
    }
  }
}
