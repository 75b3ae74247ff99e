import { Body, Controller, Delete, Get, Param, Patch, Post } from '@nestjs/common';
import { IdParam, notFound } from '#platform';
import { Caller, OwnerAuth } from './auth.js';
import { keyView, shownKeyView } from './key.view.js';
import { ownerView } from './login.view.js';
import { ChangePasswordBody, CreateOwnKeyBody, RenameOwnerBody, RotateOwnKeyBody, SetLoginBody } from './logins.dto.js';
import { Logins } from './logins.usecase.js';
import { OwnerKeys } from './owner-keys.usecase.js';
import { OwnerKeyStore } from './owner-keys.store.js';
import { OwnerStore } from './owner.store.js';
import type { OwnerPrincipal } from './principal.js';

/** An owner itself: its name, its login and its keys. */
@Controller('openapi/v1/owner')
@OwnerAuth()
export class OwnerController {
  constructor(
    private readonly owners: OwnerStore,
    private readonly logins: Logins,
    private readonly ownerKeys: OwnerKeys,
    private readonly keys: OwnerKeyStore,
  ) {}

  @Get()
  async show(@Caller() { ownerId }: OwnerPrincipal): Promise<object> {
    const [owner, login] = await Promise.all([this.owners.find(ownerId), this.logins.loginOf(ownerId)]);
    if (owner === undefined) throw notFound();
    return ownerView(owner, login);
  }

  @Patch()
  async rename(@Caller() principal: OwnerPrincipal, @Body() { name }: RenameOwnerBody): Promise<object> {
    if (!(await this.owners.rename(principal.ownerId, name))) throw notFound();
    return this.show(principal);
  }

  @Post('login')
  async setLogin(@Caller() principal: OwnerPrincipal, @Body() { login, password }: SetLoginBody): Promise<object> {
    await this.logins.setLogin(principal, login, password);
    return this.show(principal);
  }

  @Post('password')
  async changePassword(@Caller() principal: OwnerPrincipal, @Body() body: ChangePasswordBody): Promise<object> {
    const sessionsEnded = await this.logins.changePassword(principal, body.current, body.new);
    return { sessionsEnded, message: 'The password is changed; your other sessions have ended' };
  }

  @Get('keys')
  async listKeys(@Caller() { ownerId }: OwnerPrincipal): Promise<object> {
    const keys = await this.keys.keysOf(ownerId);
    return { keys: keys.map(keyView), total: keys.length };
  }

  /** The answer is the only place where the key is shown. */
  @Post('keys')
  async createKey(@Caller() { ownerId }: OwnerPrincipal, @Body() body: CreateOwnKeyBody): Promise<object> {
    return shownKeyView(await this.ownerKeys.create(ownerId, body));
  }

  @Delete('keys/:id')
  async revokeKey(@Caller() { ownerId }: OwnerPrincipal, @Param('id', IdParam) id: bigint): Promise<object> {
    await this.ownerKeys.revoke(ownerId, id);
    return { id: Number(id), message: 'The key is revoked' };
  }

  @Post('keys/:id/rotate')
  async rotateKey(
    @Caller() { ownerId }: OwnerPrincipal,
    @Param('id', IdParam) id: bigint,
    @Body() { overlapSeconds }: RotateOwnKeyBody,
  ): Promise<object> {
    const { key, replaced } = await this.ownerKeys.rotate(ownerId, id, overlapSeconds);
    return { key: shownKeyView(key), replaces: { id: Number(replaced.id), expiresAt: replaced.expiresAt } };
  }
}
