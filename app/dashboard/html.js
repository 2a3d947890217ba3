// Preact with htm: tagged templates instead of a build step.
import { h, render, Component } from "./vendor/preact.mjs";
import { useEffect, useMemo, useRef, useState } from "./vendor/hooks.mjs";
import htm from "./vendor/htm.mjs";

export const html = htm.bind(h);
export { Component, render, useEffect, useMemo, useRef, useState };
