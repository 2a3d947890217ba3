// What both clients of TypeScript are asked, and hold: see scripts/sdks.

export const host = "10.0.0.7";
export const later = process.env.LATER !== undefined;
export const running = later ? "warming" : "running";
export const [url, app, admin, hosts, short] = ["VISOR_URL", "APP", "ADMIN_TOKEN", "HOST_TOKEN", "SHORT_URL"].map(
  (name) => process.env[name] ?? fail(`${name} is not set`),
) as [string, string, string, string, string];

function fail(said: string): never {
  throw new Error(said);
}

export function check(holds: boolean, said: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(said));
}

interface Answer<T, P> {
  data?: T;
  error?: P;
  response: Response;
}

interface Refusal {
  code: string;
  status: number;
}

/** What has a body: 204 and 304 have none. */
type Body<T> = Exclude<T, void | null | undefined>;

/** The answer to a call that has to succeed. */
export async function done<T>(call: Promise<Answer<T, unknown>>): Promise<Body<T>> {
  const { data, error } = await call;
  check(data !== undefined && data !== null, error);
  check(later === "in_a_later_version" in (data as object), data);
  return data as Body<T>;
}

/** What the service says of a call that it refuses, typed as the document declares it. */
export async function refused<P extends Refusal>(
  code: string,
  status: number,
  call: Promise<Answer<unknown, P>>,
): Promise<P> {
  const { data, error, response } = await call;
  check(error !== undefined && error.code === code && error.status === status, [code, error, data]);
  check(response.status === status, response.status);
  return error;
}

/** Whether the types of the events are those of the history; what a later Visor adds is `+`. */
export function told(types: string[]): void {
  check(types.includes("+") === later, types);
  const known = types.filter((type) => type !== "+");
  check(known.join(" ") === process.env.EVENTS, known);
}

export const pause = (seconds: number) => new Promise((wake) => setTimeout(wake, 1000 * seconds));
