/** Which vehicle is rented, and was: in memory, so that a restart forgets it. */

export interface Rental {
  readonly startedAt: string;
  /** null while it goes on. */
  readonly endedAt: string | null;
}

/** How many rentals of a vehicle are remembered. */
const REMEMBERED = 20;

export class Rentals {
  readonly #byVehicle = new Map<string, readonly Rental[]>();

  /** The latest first. */
  history(vehicle: string): readonly Rental[] {
    return this.#byVehicle.get(vehicle) ?? [];
  }

  /** The rental that began; undefined where one goes on already. */
  start(vehicle: string): Rental | undefined {
    const before = this.history(vehicle);
    if (before[0]?.endedAt === null) return undefined;
    const rental = { startedAt: new Date().toISOString(), endedAt: null };
    this.#byVehicle.set(vehicle, [rental, ...before].slice(0, REMEMBERED));
    return rental;
  }

  /** The rental that ended; undefined where none goes on. */
  end(vehicle: string): Rental | undefined {
    const [current, ...before] = this.history(vehicle);
    if (current?.endedAt !== null) return undefined;
    const rental = { ...current, endedAt: new Date().toISOString() };
    this.#byVehicle.set(vehicle, [rental, ...before]);
    return rental;
  }
}
