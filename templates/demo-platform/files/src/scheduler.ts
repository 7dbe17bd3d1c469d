/** Does something over and over, with a random pause before each time. */

export class Scheduler {
  readonly #task: () => Promise<void>;
  readonly #random: () => number;
  #interval = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `task` must not fail. */
  constructor(task: () => Promise<void>, random = Math.random) {
    this.#task = task;
    this.#random = random;
  }

  /** The longest pause in milliseconds; at 0 it stands still. */
  get interval(): number {
    return this.#interval;
  }

  set interval(milliseconds: number) {
    this.#interval = milliseconds;
    this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#interval === 0) return;
    this.#timer = setTimeout(() => void this.#run(), this.#random() * this.#interval);
    this.#timer.unref(); // it keeps no process
  }

  async #run(): Promise<void> {
    const timer = this.#timer;
    await this.#task();
    // Whoever set another interval meanwhile has set a timer too.
    if (timer === this.#timer) this.#wait();
  }
}
