import { IsEmail, IsInstant, IsInteger, IsText, Optional } from '#platform';

const NAME_MAX = 100;
const PASSWORD_MIN = 12;
const PASSWORD_MAX = 200;
const OVERLAP_MAX_S = 7 * 86_400;

export class SignUpBody {
  @IsText(1, 200) token!: string;
  @IsText(1, NAME_MAX) name!: string;
  @Optional() @IsEmail() email?: string;
  @IsText(PASSWORD_MIN, PASSWORD_MAX) password!: string;
}

/** What the form of the page sends. */
export class SignUpForm {
  @IsText(1, NAME_MAX) name!: string;
  @Optional() @IsEmail() email?: string;
  @IsText(PASSWORD_MIN, PASSWORD_MAX) password!: string;
  @IsText(1, PASSWORD_MAX) again!: string;
}

export class SignInBody {
  @IsText(1, 254) login!: string;
  // One that is too short is as wrong as any other.
  @IsText(1, PASSWORD_MAX) password!: string;
}

export class SetLoginBody {
  @IsText(1, 254) login!: string;
  @IsText(PASSWORD_MIN, PASSWORD_MAX) password!: string;
}

export class ChangePasswordBody {
  @IsText(1, PASSWORD_MAX) current!: string;
  @IsText(PASSWORD_MIN, PASSWORD_MAX) new!: string;
}

export class RenameOwnerBody {
  @IsText(1, NAME_MAX) name!: string;
}

export class CreateOwnKeyBody {
  @Optional() @IsText(1, NAME_MAX) name?: string;
  @Optional() @IsInstant() expiresAt?: Date;
}

export class RotateOwnKeyBody {
  @Optional() @IsInteger(0, OVERLAP_MAX_S) overlapSeconds?: number;
}

export class InviteBody {
  @Optional() @IsText(1, NAME_MAX) name?: string;
  @Optional() @IsEmail() email?: string;
}
